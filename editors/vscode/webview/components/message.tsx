/** A message: its author, text, status and actions. */
import { memo } from "preact/compat";
import { useContext } from "preact/hooks";
import type { FromView, Message } from "../../src/panel/messages";
import { post } from "../host";
import { walkToolbar } from "../toolbar";
import { incomplete, textOf } from "../../src/format";
import { basename, clock, lines, selectedLines, usageOf } from "../displayFormat";
import { Ago } from "./ago";
import { Badge, Button } from "./button";
import { ReplyChanges } from "./changes";
import { FocusComposer } from "./composer-focus";
import { Icon, IconButton } from "./icon";
import { imageName, Thumbnail } from "./image";
import { Remedies } from "./notices";
import { Parts } from "./parts";

interface MessageProps {
  readonly message: Message;
  /** The colour in the agent's definition. */
  readonly color: string | undefined;
  /** Whether it is the last message that is not waiting: a stopped reply there can be resumed. */
  readonly last: boolean;
  /** Whether it is the first waiting message. */
  readonly firstWaiting: boolean;
  /** It notifies the person here. */
  readonly mentionsYou: boolean;
}

export const MessageView = memo(function MessageView({ message, color, last, firstWaiting, mentionsYou }: MessageProps) {
  // A message has the status of its reply while that is being written.
  const replying = message.role === "agent" && message.status === "replying";
  const text = textOf(message);
  return (
    <article
      data-id={message.id}
      class={`message ${message.role} ${message.status}`}
      tabIndex={-1}
      aria-label={`${name(message)}, ${clock(message.createdAt)}`}
      aria-busy={replying}
    >
      <header class="message-head">
        <span class={`avatar ${message.role} color-${color ?? "none"}`} aria-hidden="true">
          {message.role === "agent" ? <Icon name="sparkle" /> : name(message).slice(0, 1).toUpperCase()}
        </span>
        <span class="author">{name(message)}</span>
        {"model" in message.author && <span class="dim model">{message.author.model}</span>}
        {message.role === "participant" && message.agent !== undefined && <Badge>@{message.agent}</Badge>}
        {mentionsYou && <Badge>mentions you</Badge>}
        <Ago at={message.createdAt} />
        <Actions message={message} text={text} />
      </header>
      <div class="message-body">
        {message.context && message.context.length > 0 && <Contexts contexts={message.context} />}
        <Parts messageId={message.id} parts={message.parts} growing={replying} />
        {replying && (
          <div class="writing">
            <Icon name="loading" spin /> <span>{activityText(message)}</span>
          </div>
        )}
        {message.role === "agent" && !replying && <ReplyChanges message={message} />}
        <MessageStatus message={message} last={last} firstWaiting={firstWaiting} />
      </div>
    </article>
  );
});

/** The actions on a message, visible on hover and focus. */
function Actions({ message, text }: { readonly message: Message; readonly text: string }) {
  const actions: readonly { readonly icon: string; readonly label: string; readonly does: FromView }[] = [
    ...(text === ""
      ? []
      : [
          { icon: "copy", label: "Copy", does: { type: "copy", text } as const },
          { icon: "insert", label: "Insert at Cursor", does: { type: "insert", text } as const },
          { icon: "go-to-file", label: "Open as Document", does: { type: "openDocument", messageId: message.id } as const },
        ]),
    ...(message.role === "participant" && message.status !== "queued"
      ? [{ icon: "edit", label: "Edit and Resend", does: { type: "resend", messageId: message.id } as const }]
      : []),
    ...(message.role === "participant" && message.status !== "queued"
      ? [{ icon: "discard", label: "Undo Changes Since Here", does: { type: "revertSince", messageId: message.id } as const }]
      : []),
    { icon: "repo-forked", label: "Fork from Here", does: { type: "fork", at: message.id } },
  ];
  return (
    <span class="message-actions" role="toolbar" aria-label={`Message of ${name(message)}`} onKeyDown={walkToolbar}>
      {actions.map(({ icon, label, does }, index) => (
        <IconButton
          key={label}
          name={icon}
          label={label}
          tabIndex={index === 0 ? 0 : -1}
          onPress={() => {
            post(does);
          }}
        />
      ))}
    </span>
  );
}

/** The current activity of the agent. */
function activityText(message: Message): string {
  const last = message.parts.at(-1);
  if (last?.kind === "text") return "Writing…";
  if (last?.kind === "tool" && last.status === "waiting") return "Waiting for permission…";
  if (last?.kind === "tool" && last.status === "running") return "Working…";
  return "Thinking…";
}

function name(message: Message): string {
  return "agent" in message.author ? message.author.agent : message.author.name;
}

interface MessageStatusProps {
  readonly message: Message;
  readonly last: boolean;
  readonly firstWaiting: boolean;
}

function MessageStatus({ message, last, firstWaiting }: MessageStatusProps) {
  const resume = useResume();
  const usage = message.role === "agent" && message.status !== "replying" ? usageOf(message) : "";
  const problem = message.role === "agent" ? incomplete(message) : undefined;
  return (
    <>
      {message.status === "queued" && <Queued message={message} first={firstWaiting} />}
      {message.role === "agent" && message.status === "cancelled" && <Note icon="circle-slash" text="Cancelled" />}
      {message.role === "agent" && message.status === "paused" && <Note icon="debug-pause" text="Paused" />}
      {message.role === "agent" && message.status === "interrupted" && (
        <Note icon="debug-disconnect" text="Interrupted. Nothing is lost" {...(last ? { action: "Resume" } : {})} />
      )}
      {message.notices?.map((notice) => (
        <Note key={notice} icon="info" text={notice} />
      ))}
      {problem !== undefined && <Note icon="warning" text={problem} />}
      {message.status === "failed" && (
        <div class="failure" {...(last && { role: "alert" })}>
          <Icon name="error" />
          <div>
            <div>{message.error?.message ?? "The reply failed."}</div>
            {message.error?.hint !== undefined && <div class="dim">{message.error.hint}</div>}
            {last && (
              <div class="buttons">
                <Button label="Try Again" secondary onPress={resume} />
                <Remedies kind={message.error?.kind} reason={message.error?.reason} />
              </div>
            )}
          </div>
        </div>
      )}
      {usage !== "" && <div class="usage dim">{usage}</div>}
    </>
  );
}

/** A waiting message, with its actions. */
function Queued({ message, first }: { readonly message: Message; readonly first: boolean }) {
  const steers = message.delivery === "steer";
  const toComposer = useContext(FocusComposer);
  const act = (type: "withdraw" | "editQueued" | "sendNow" | "sendSooner") => () => {
    post({ type, messageId: message.id });
    toComposer();
  };
  return (
    <div class="note queued-note">
      <Icon name={steers ? "debug-step-into" : "clock"} />
      <span>{steers ? "Added to the current reply at its next step" : "Waiting for the previous reply"}</span>
      <span role="toolbar" aria-label="Waiting message" onKeyDown={walkToolbar}>
        <IconButton name="edit" label="Edit" onPress={act("editQueued")} />
        {!first && <IconButton name="arrow-up" label="Answer Sooner" tabIndex={-1} onPress={act("sendSooner")} />}
        <IconButton name="trash" label="Withdraw" tabIndex={-1} onPress={act("withdraw")} />
        <IconButton name="run-above" label="Send Now: stop the reply and answer this" tabIndex={-1} onPress={act("sendNow")} />
      </span>
    </div>
  );
}

/** Resumes the reply. The button disappears then. */
function useResume(): () => void {
  const toComposer = useContext(FocusComposer);
  return () => {
    post({ type: "resume" });
    toComposer();
  };
}

function Note({ icon, text, action }: { readonly icon: string; readonly text: string; readonly action?: string }) {
  const resume = useResume();
  return (
    <div class="note">
      <Icon name={icon} /> <span>{text}</span>
      {action !== undefined && <Button label={action} secondary onPress={resume} />}
    </div>
  );
}

type SentContext = NonNullable<Message["context"]>[number];

/** The context of a message. */
function Contexts({ contexts }: { readonly contexts: readonly SentContext[] }) {
  return (
    <ul class="chips sent" aria-label="Context of this message">
      {contexts.map((context, index) => (
        <li key={index}>
          <SentChip context={context} />
        </li>
      ))}
    </ul>
  );
}

const icons = {
  selection: "list-selection",
  file: "file",
  diagnostics: "warning",
  symbol: "symbol-method",
  diff: "git-compare",
  text: "note",
  session: "comment-discussion",
  image: "file-media",
} as const;

function SentChip({ context }: { readonly context: SentContext }) {
  const icon = <Icon name={icons[context.kind]} />;
  if (context.kind === "session") {
    return (
      <span class="chip">
        {icon} {context.title ?? "Session"}
      </span>
    );
  }
  if (context.kind === "image") {
    const name = imageName(context);
    return (
      <button
        type="button"
        class="sent-image"
        title={name}
        aria-label={`Open ${name}`}
        onClick={() => {
          post({ type: "openImage", context });
        }}
      >
        <Thumbnail context={context} label={name} />
        <span class="chip">
          {icon} {name}
        </span>
      </button>
    );
  }
  if (context.kind === "diff" || context.kind === "text") {
    return (
      <span class="chip">
        {icon} {context.kind === "diff" ? `Changes since ${context.base ?? "HEAD"}` : context.title}
      </span>
    );
  }
  const range = "range" in context ? context.range : undefined;
  const unsaved = context.dirty === true ? ", with unsaved changes" : "";
  const open = () => {
    post({ type: "openPlace", uri: context.uri, ...(range && selectedLines(range)) });
  };
  return (
    <button type="button" class="chip" title={`${context.uri}${unsaved}`} onClick={open}>
      {icon}
      {context.kind === "symbol" ? context.name : basename(context.uri)}
      {context.kind === "selection" ? `:${lines(context.range)}` : ""}
      {unsaved !== "" && <Icon name="circle-filled" />}
    </button>
  );
}
