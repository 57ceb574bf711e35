/** A finding with the current location of its code, and its actions. */
import { createContext, type RefObject } from "preact";
import { useContext, useRef } from "preact/hooks";
import type { FindingAct, PlaceNow } from "../../src/panel/messages";
import { extensionOf, codeBlock } from "../../src/format";
import { post } from "../host";
import { Badge, Button } from "./button";
import { Icon } from "./icon";
import { Markdown } from "./markdown";
import type { Of } from "./part-types";
import { Place } from "./place";

/** The current locations of findings. Those without one have changed code, or cannot be read. */
export const Places = createContext<Readonly<Record<string, PlaceNow>>>({});

const severities = {
  1: { icon: "error", word: "Error" },
  2: { icon: "warning", word: "Warning" },
  3: { icon: "info", word: "Information" },
  4: { icon: "lightbulb", word: "Hint" },
} as const;

export function Finding({ finding }: { readonly finding: Of<"finding">["finding"] }) {
  const now = useContext(Places)[finding.id];
  const severity = severities[finding.severity];
  const card = useRef<HTMLElement>(null);
  const open = finding.state === "open";
  const suggests = finding.suggestion !== undefined;
  return (
    <section
      class={`card finding severity-${finding.severity} ${finding.state}`}
      aria-label={`Finding: ${finding.title}`}
      tabIndex={-1}
      ref={card}
    >
      <header>
        <span class="finding-severity" role="img" aria-label={severity.word} title={severity.word}>
          <Icon name={severity.icon} />
        </span>
        <strong>{finding.title}</strong>
        {!open && <Badge title={finding.reason}>{finding.state}</Badge>}
      </header>
      <div class="card-line">
        <Place uri={now?.uri ?? finding.uri} range={now?.range ?? finding.range} />
        {finding.rule !== undefined && <code>{finding.rule}</code>}
        {open && now === undefined && <span class="dim">its code was not found</span>}
      </div>
      <Markdown source={finding.body} />
      {finding.suggestion !== undefined && <Suggestion code={finding.suggestion} uri={finding.uri} />}
      <div class="buttons" role="group" aria-label="Finding">
        {open && <Act finding={finding} card={card} act="fix" label="Fix" first />}
        {open && suggests && now !== undefined && <Act finding={finding} card={card} act="apply" label="Apply Suggestion" />}
        {open && <Act finding={finding} card={card} act="resolve" label="Resolve" />}
        {open && <Act finding={finding} card={card} act="dismiss" label="Dismiss" />}
        {!open && <Act finding={finding} card={card} act="reopen" label="Reopen" />}
      </div>
    </section>
  );
}

function Suggestion({ code, uri }: { readonly code: string; readonly uri: string }) {
  if (code.trim() === "") return <div class="fold-label">Suggestion: remove it</div>;
  return (
    <>
      <div class="fold-label">Suggestion</div>
      <Markdown source={codeBlock(code, extensionOf(uri))} />
    </>
  );
}

interface ActProps {
  readonly finding: Of<"finding">["finding"];
  readonly card: RefObject<HTMLElement | null>;
  readonly act: FindingAct;
  readonly label: string;
  readonly first?: boolean;
}

function Act({ finding, card, act, label, first }: ActProps) {
  return (
    <Button
      label={label}
      spoken={`${label}: ${finding.title}`}
      secondary={!first}
      onPress={() => {
        post({ type: "finding", findingId: finding.id, act });
        // The button disappears: focus the next one in this card or a later one.
        if (act !== "fix") card.current?.focus({ preventScroll: true });
      }}
    />
  );
}
