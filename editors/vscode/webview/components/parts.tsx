/** The parts of a message: text, reasoning, tool calls, findings and edits. */
import type { Message } from "../../src/panel/messages";
import { tell } from "../host";
import { basename, lines } from "../words";
import { Badge } from "./button";
import { Icon } from "./icon";
import { Markdown } from "./markdown";

type Part = Message["parts"][number];
type Of<K extends Part["kind"]> = Extract<Part, { kind: K }>;

interface PartsProps {
  readonly parts: readonly Part[];
  /** The last part is being written. */
  readonly growing: boolean;
}

export function Parts({ parts, growing }: PartsProps) {
  return (
    <>
      {parts.map((part, index) => (
        <PartView key={index} part={part} growing={growing && index === parts.length - 1} />
      ))}
    </>
  );
}

function PartView({ part, growing }: { readonly part: Part; readonly growing: boolean }) {
  switch (part.kind) {
    case "text":
      return <Markdown source={part.text} />;
    case "reasoning":
      return <Reasoning part={part} growing={growing} />;
    case "tool":
      return <Tool part={part} />;
    case "finding":
      return <Finding finding={part.finding} />;
    case "edit":
      return <Edit part={part} />;
  }
}

function Reasoning({ part, growing }: { readonly part: Of<"reasoning">; readonly growing: boolean }) {
  return (
    <details class="fold reasoning">
      <summary>
        <Icon name="lightbulb" /> {growing ? "Reasoning…" : "Reasoning"}
      </summary>
      <div class="fold-body">
        <Markdown source={part.text} />
      </div>
    </details>
  );
}

const toolStates = {
  waiting: { icon: "clock", words: "waiting" },
  running: { icon: "loading", words: "running" },
  done: { icon: "check", words: "done" },
  failed: { icon: "error", words: "failed" },
  denied: { icon: "circle-slash", words: "denied" },
} as const;

function Tool({ part }: { readonly part: Of<"tool"> }) {
  const state = toolStates[part.status];
  const given = Object.entries(part.arguments);
  return (
    <details class={`fold tool ${part.status}`}>
      <summary>
        <Icon name={state.icon} spin={part.status === "running"} />
        <code>{part.name}</code>
        <span class="tool-brief">{given.map(([, value]) => brief(value)).join(" ")}</span>
        <span class="tool-state">{state.words}</span>
      </summary>
      <div class="fold-body">
        {given.length > 0 && <Labelled label="Arguments" text={JSON.stringify(part.arguments, undefined, 2)} />}
        {part.result !== undefined && part.result !== "" && <Labelled label="Result" text={part.result} />}
        {part.parts && part.parts.length > 0 && <Parts parts={part.parts} growing={part.status === "running"} />}
      </div>
    </details>
  );
}

function Labelled({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <>
      <div class="fold-label">{label}</div>
      <pre class="plain" tabIndex={0}>
        {text}
      </pre>
    </>
  );
}

function brief(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

const severities = {
  1: { icon: "error", word: "Error" },
  2: { icon: "warning", word: "Warning" },
  3: { icon: "info", word: "Information" },
  4: { icon: "lightbulb", word: "Hint" },
} as const;

function Finding({ finding }: { readonly finding: Of<"finding">["finding"] }) {
  const severity = severities[finding.severity];
  return (
    <section class={`card finding severity-${finding.severity}`} aria-label={`Finding: ${finding.title}`}>
      <header>
        <span class="finding-severity" title={severity.word}>
          <Icon name={severity.icon} />
        </span>
        <strong>{finding.title}</strong>
        {finding.state !== "open" && <Badge>{finding.state}</Badge>}
      </header>
      <div class="card-line">
        <Place uri={finding.uri} range={finding.range} />
        {finding.rule !== undefined && <code>{finding.rule}</code>}
      </div>
      <Markdown source={finding.body} />
      {finding.suggestion !== undefined && finding.suggestion !== "" && <Labelled label="Suggestion" text={finding.suggestion} />}
    </section>
  );
}

function Edit({ part }: { readonly part: Of<"edit"> }) {
  return (
    <div class="card edit">
      <Icon name={part.applied ? "diff-modified" : "circle-slash"} />
      <Place uri={part.uri} />
      <span class="edit-summary">{part.summary}</span>
      {!part.applied && <Badge>not applied</Badge>}
    </div>
  );
}

interface PlaceProps {
  readonly uri: string;
  readonly range?: { start: { line: number; character: number }; end: { line: number; character: number } } | undefined;
}

/** A link to a place in a document of the editor. */
export function Place({ uri, range }: PlaceProps) {
  const open = () => {
    tell({ type: "openPlace", uri, ...(range ? { line: range.start.line, endLine: range.end.line } : {}) });
  };
  return (
    <button type="button" class="link" title={uri} onClick={open}>
      {basename(uri)}
      {range ? `:${lines(range)}` : ""}
    </button>
  );
}
