/** What a reply changed in files: how many lines of which, whether that stands, and ways to review it and to take it back. */
import { createContext } from "preact";
import { useContext, useEffect, useMemo, useRef } from "preact/hooks";
import { countsByFile, sumOf } from "../../src/changes/fileChanges";
import type { Message, ShownChange } from "../../src/panel/messages";
import { tell } from "../host";
import { Badge, Button } from "./button";
import { Icon } from "./icon";
import { LineCounts } from "./line-counts";
import { Place } from "./place";

/** What the host knows of the changes of replies, by their ids. */
export const ChangesOf = createContext<Readonly<Record<string, readonly ShownChange[]>>>({});

const STATES: Partial<Readonly<Record<NonNullable<ShownChange["state"]>, string>>> = {
  reverted: "taken back",
  partly: "partly taken back",
  overwritten: "changed since",
};
const ICONS = { edited: "diff-modified", created: "diff-added", deleted: "diff-removed" } as const;

export function ReplyChanges({ message }: { readonly message: Message }) {
  const written = useMemo(() => countsByFile(message.parts), [message.parts]);
  const known = useContext(ChangesOf)[message.id];
  const box = useRef<HTMLDivElement>(null);
  // What stands is read from files: so it is asked for what is in sight, each time that it comes there.
  useEffect(() => {
    if (box.current === null) return;
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) tell({ type: "listChanges", messageId: message.id });
    });
    watch.observe(box.current);
    return () => {
      watch.disconnect();
    };
  }, [message.id, written.size > 0]);
  if (written.size === 0) return null;
  const files: readonly ShownChange[] = known ?? [...written].map(([uri, counts]) => ({ uri, kind: "edited", ...counts }));
  const stands = known?.some(({ state }) => state === "applied" || state === "partly") === true;
  const count = files.length === 1 ? "1 file changed" : `${files.length} files changed`;
  return (
    <section class="card changes" aria-label={count} ref={box}>
      <header>
        <Icon name="diff-multiple" />
        <strong>{count}</strong>
        <LineCounts {...sumOf(files)} />
        <span class="spacer" />
        {stands && (
          <span class="buttons">
            <Button
              label="Review Changes"
              secondary
              onPress={() => {
                tell({ type: "reviewChanges", messageId: message.id });
              }}
            />
            <Undo messageId={message.id} label={files.length === 1 ? "Undo" : "Undo All"} />
          </span>
        )}
      </header>
      <ul>
        {files.map((file) => (
          <File key={file.uri} messageId={message.id} file={file} alone={files.length === 1} />
        ))}
      </ul>
    </section>
  );
}

interface FileProps {
  readonly messageId: string;
  readonly file: ShownChange;
  readonly alone: boolean;
}

function File({ messageId, file, alone }: FileProps) {
  const { uri, kind, state, added, removed, notice } = file;
  const words = state === undefined ? undefined : STATES[state];
  return (
    <li title={notice}>
      <Icon name={ICONS[kind]} />
      <Place uri={uri} />
      <LineCounts added={added} removed={removed} />
      {words !== undefined && <Badge>{words}</Badge>}
      {notice !== undefined && <span class="dim">{notice}</span>}
      <span class="spacer" />
      {!alone && (state === "applied" || state === "partly") && <Undo messageId={messageId} uri={uri} label="Undo" />}
    </li>
  );
}

interface UndoProps {
  readonly messageId: string;
  readonly uri?: string;
  readonly label: string;
}

function Undo({ messageId, uri, label }: UndoProps) {
  return (
    <Button
      label={label}
      secondary
      title="Undo these changes. You can redo them."
      {...(uri !== undefined && { spoken: `${label}: ${uri.slice(uri.lastIndexOf("/") + 1)}` })}
      onPress={() => {
        tell({ type: "revertChanges", messageId, ...(uri !== undefined && { uri }) });
      }}
    />
  );
}
