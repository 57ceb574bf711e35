/** The changes of a reply to files, with their state, and buttons to review and to revert them. */
import { createContext } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { countsByFile, sumOf } from "../../src/changes/fileChanges";
import type { Message, ShownChange, ShownHunk } from "../../src/panel/messages";
import { basename } from "../displayFormat";
import { post } from "../host";
import { Badge, Button } from "./button";
import { Icon } from "./icon";
import { LineCounts } from "./line-counts";
import { PatchLines } from "./patch-lines";
import { Place } from "./place";

/** The known changes of replies, by the replies' ids. */
export const ChangesOf = createContext<Readonly<Record<string, readonly ShownChange[]>>>({});

const STATES: Partial<Readonly<Record<NonNullable<ShownChange["state"]>, string>>> = {
  reverted: "reverted",
  partly: "partly reverted",
  overwritten: "changed later",
};
const ICONS = { edited: "diff-modified", created: "diff-added", deleted: "diff-removed" } as const;

export function ReplyChanges({ message }: { readonly message: Message }) {
  const written = useMemo(() => countsByFile(message.parts), [message.parts]);
  const known = useContext(ChangesOf)[message.id];
  const box = useRef<HTMLDivElement>(null);
  // The state is read from files, so it is requested each time the changes become visible.
  useEffect(() => {
    if (box.current === null) return;
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) post({ type: "listChanges", messageId: message.id });
    });
    watch.observe(box.current);
    return () => {
      watch.disconnect();
    };
  }, [message.id, written.size > 0]);
  if (written.size === 0) return null;
  const files: readonly ShownChange[] =
    known ?? [...written].map(([uri, counts]) => ({ uri, kind: "edited", hunks: [], ...counts }));
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
                post({ type: "reviewChanges", messageId: message.id });
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
  const { uri, kind, state, added, removed, notice, hunks } = file;
  const text = state === undefined ? undefined : STATES[state];
  const stands = state === "applied" || state === "partly";
  return (
    <li title={notice}>
      <div class="changed-file">
        <Icon name={ICONS[kind]} />
        <Place uri={uri} />
        <LineCounts added={added} removed={removed} />
        {text !== undefined && <Badge>{text}</Badge>}
        {notice !== undefined && <span class="dim">{notice}</span>}
        <span class="spacer" />
        {!alone && stands && <Undo messageId={messageId} uri={uri} label="Undo" />}
      </div>
      {kind === "edited" && hunks.length > 0 && <Hunks messageId={messageId} uri={uri} hunks={hunks} />}
    </li>
  );
}

interface HunksProps {
  readonly messageId: string;
  readonly uri: string;
  readonly hunks: readonly ShownHunk[];
}

/** The hunks of a file, drawn when the fold is opened. */
function Hunks({ messageId, uri, hunks }: HunksProps) {
  const [open, setOpen] = useState(false);
  const count = hunks.length === 1 ? "1 hunk" : `${hunks.length} hunks`;
  return (
    <details
      class="fold hunks"
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>{count}</summary>
      {open && (
        <ol aria-label={`Changes of ${basename(uri)}`}>
          {hunks.map((hunk) => (
            <li key={hunk.id} class={hunk.state}>
              <div class="changed-file">
                {hunk.line !== undefined && <Place uri={uri} label={`Line ${hunk.line + 1}`} range={lineOf(hunk.line)} />}
                <LineCounts added={hunk.added} removed={hunk.removed} />
                {hunk.state !== "applied" && <Badge>{STATES[hunk.state] ?? hunk.state}</Badge>}
                <span class="spacer" />
                {hunk.state === "applied" && hunks.length > 1 && (
                  <Undo messageId={messageId} uri={uri} hunk={hunk.id} label="Undo" />
                )}
              </div>
              {hunk.patch === undefined ? (
                <span class="dim">It is too long to be shown here.</span>
              ) : (
                <pre class="plain" tabIndex={0} aria-label="Changed lines">
                  <PatchLines patch={hunk.patch} inside />
                </pre>
              )}
            </li>
          ))}
        </ol>
      )}
    </details>
  );
}

function lineOf(line: number) {
  return { start: { line, character: 0 }, end: { line, character: 0 } };
}

interface UndoProps {
  readonly messageId: string;
  readonly uri?: string;
  readonly hunk?: string;
  readonly label: string;
}

function Undo({ messageId, uri, hunk, label }: UndoProps) {
  return (
    <Button
      label={label}
      secondary
      title="Undo these changes. You can redo them."
      {...(uri !== undefined && { spoken: `${label}: ${basename(uri)}${hunk === undefined ? "" : ", this place"}` })}
      onPress={() => {
        post({
          type: "revertChanges",
          messageId,
          ...(uri !== undefined && { uri }),
          ...(hunk !== undefined && { hunk }),
        });
      }}
    />
  );
}
