/** The parts of a message. Findings, edits and plans are in files of their own. */
import { reasonOf } from "../../src/format";
import { shown } from "../visible";
import { Edit } from "./edit";
import { Finding } from "./finding";
import { Icon } from "./icon";
import { Markdown } from "./markdown";
import type { Of, Part } from "./part-types";
import { Plan } from "./plan";

interface PartsProps {
  readonly messageId: string;
  /** The numbers of the parts that these are parts of. */
  readonly path?: readonly number[];
  readonly parts: readonly Part[];
  /** The last part is being written. */
  readonly growing: boolean;
}

export function Parts({ messageId, path = [], parts, growing }: PartsProps) {
  return (
    <>
      {parts.map((part, index) => (
        <PartView
          key={index}
          messageId={messageId}
          path={[...path, index]}
          part={part}
          growing={growing && index === parts.length - 1}
        />
      ))}
    </>
  );
}

interface PartProps<P extends Part> {
  readonly messageId: string;
  readonly path: readonly number[];
  readonly part: P;
  readonly growing: boolean;
}

function PartView(props: PartProps<Part>) {
  const { messageId, path, part, growing } = props;
  switch (part.kind) {
    case "text":
      return <Markdown source={part.text} growing={growing} />;
    case "reasoning":
      return part.text.trim() === "" ? null : <Reasoning part={part} growing={growing} />;
    case "tool":
      return <Tool messageId={messageId} path={path} part={part} />;
    case "finding":
      return <Finding finding={part.finding} />;
    case "edit":
      return <Edit messageId={messageId} path={path} part={part} />;
    case "plan":
      return <Plan part={part} />;
  }
}

function Reasoning({ part, growing }: { readonly part: Of<"reasoning">; readonly growing: boolean }) {
  return (
    <details class="fold reasoning">
      <summary>
        <Icon name="lightbulb" /> {growing ? "Reasoning…" : "Reasoning"}
      </summary>
      <div class="fold-body">
        <Markdown source={part.text} growing={growing} />
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

function Tool({ messageId, path, part }: Omit<PartProps<Of<"tool">>, "growing">) {
  const state = toolStates[part.status];
  const given = Object.entries(part.arguments);
  const reason = shown(reasonOf(part));
  return (
    <details class={`fold tool ${part.status}`}>
      <summary>
        <Icon name={state.icon} spin={part.status === "running"} />
        <code>{part.name}</code>
        <span class="tool-brief">{part.title ? shown(part.title) : given.map(([, value]) => brief(value)).join(" ")}</span>
        <span class="tool-state">
          {state.words}
          {reason && `: ${reason}`}
        </span>
      </summary>
      <div class="fold-body">
        {given.length > 0 && <Labelled label="Arguments" text={JSON.stringify(part.arguments, undefined, 2)} />}
        {part.result !== undefined && part.result !== "" && <Labelled label="Result" text={part.result} />}
        {part.parts && part.parts.length > 0 && (
          <Parts messageId={messageId} path={path} parts={part.parts} growing={part.status === "running"} />
        )}
      </div>
    </details>
  );
}

export function Labelled({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <>
      <div class="fold-label">{label}</div>
      <pre class="plain">{shown(text)}</pre>
    </>
  );
}

function brief(value: unknown): string {
  const text = shown(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
