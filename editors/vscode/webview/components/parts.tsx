/** The parts of a message. Findings, edits and plans have separate files. */
import { useMemo } from "preact/hooks";
import { countsByCall, toolLine, toolText, valueText, type LineCounts } from "../../src/toolLine";
import { makeVisible } from "../visible";
import { Edit } from "./edit";
import { Finding } from "./finding";
import { Icon } from "./icon";
import { Linked } from "./linked";
import { Markdown } from "./markdown";
import type { Of, Part } from "./part-types";
import { Plan } from "./plan";

interface PartsProps {
  readonly messageId: string;
  /** The indexes of the enclosing parts. */
  readonly path?: readonly number[];
  readonly parts: readonly Part[];
  /** Whether the last part is being written. */
  readonly growing: boolean;
}

export function Parts({ messageId, path = [], parts, growing }: PartsProps) {
  const counts = useMemo(() => countsByCall(parts), [parts]);
  return (
    <>
      {parts.map((part, index) => (
        <PartView
          key={index}
          messageId={messageId}
          path={[...path, index]}
          part={part}
          counts={part.kind === "tool" ? counts.get(part.callId) : undefined}
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

function PartView(props: PartProps<Part> & { readonly counts: LineCounts | undefined }) {
  const { messageId, path, part, growing, counts } = props;
  switch (part.kind) {
    case "text":
      return <Markdown source={part.text} growing={growing} />;
    case "reasoning":
      return part.text.trim() === "" ? null : <Reasoning part={part} growing={growing} />;
    case "tool":
      return <Tool messageId={messageId} path={path} part={part} counts={counts} />;
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

const toolIcons = {
  waiting: "clock",
  running: "loading",
  done: "check",
  failed: "error",
  denied: "circle-slash",
} as const;

interface ToolProps extends Omit<PartProps<Of<"tool">>, "growing"> {
  readonly counts: LineCounts | undefined;
}

function Tool({ messageId, path, part, counts }: ToolProps) {
  const { verb, code, detail } = toolLine(part, counts);
  const line = makeVisible(toolText({ verb, code, detail }));
  return (
    <details class={`fold tool ${part.status}`}>
      <summary title={line}>
        <Icon name={toolIcons[part.status]} spin={part.status === "running"} />
        <span class="tool-verb">{verb}</span>
        {code !== "" && <code class="tool-code">{makeVisible(code)}</code>}
        {detail !== "" && <span class="tool-detail">{makeVisible(detail)}</span>}
      </summary>
      <div class="fold-body">
        {Object.entries(part.arguments).map(([name, value]) => (
          <Labelled key={name} label={name} text={valueText(value, 2)} />
        ))}
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
      <pre class="plain" tabIndex={0} aria-label={label}>
        <Linked text={makeVisible(text)} />
      </pre>
    </>
  );
}
