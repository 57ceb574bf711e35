/** Notices between the messages and the composer: a paused session, errors. */
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import type { FromView, Problem, Server, Session } from "../../src/panel/messages";
import { may, roleOf } from "../../src/people";
import { pauseText } from "../../src/format";
import { remediesFor } from "../../src/remedies";
import { post } from "../host";
import { Button } from "./button";
import { FocusComposer } from "./composer-focus";
import { Icon, IconButton } from "./icon";

interface SessionNoticeProps {
  readonly session: Session;
  /** Which participant the person here is. */
  readonly me: string | undefined;
  readonly server: Server;
  readonly deleting: boolean;
}

export function SessionNotice({ session, me, server, deleting }: SessionNoticeProps) {
  if (deleting) {
    return (
      <Bar icon="trash" text="This session was deleted.">
        <Button
          label="Undo"
          onPress={() => {
            post({ type: "undoDelete" });
          }}
        />
      </Bar>
    );
  }
  if (server !== "ready") return <ServerNotice server={server} />;
  if (session.state === "paused") {
    const reason = pauseText(session);
    const canWrite = may(roleOf(session, me), "writer");
    return (
      <Bar icon="debug-pause" text={reason ?? "This session is paused."}>
        {canWrite && reason !== undefined && <Run command="setBudget" label="Set Budget…" />}
        {canWrite && <Change type="resume" label="Resume" />}
        <Button
          label="Fork"
          secondary
          onPress={() => {
            post({ type: "fork" });
          }}
        />
      </Bar>
    );
  }
  if (session.state === "archived") {
    return (
      <Bar icon="archive" text="This session is archived.">
        {may(roleOf(session, me), "owner") && <Change type="unarchive" label="Unarchive" />}
      </Bar>
    );
  }
  return null;
}

/** A hand-over: the participants, the note, and what was waiting. */
export function HandedOver({ session, me }: { readonly session: Session; readonly me: string | undefined }) {
  const handOvers = (session.needs ?? []).filter((one) => one.kind === "handOver");
  return (
    <>
      {handOvers.map(({ participant, by, note, waiting = [] }) => (
        <div class="bar" key={participant.id}>
          <Icon name="person-add" />
          <span>
            {by.id === me ? "You" : by.name} handed this session to {participant.id === me ? "you" : participant.name}
            {note === undefined ? "." : `: ${note}`}
            {waiting.length > 0 && <span class="dim"> {waiting.join(" ")}</span>}
          </span>
        </div>
      ))}
    </>
  );
}

/** A button that makes the session accept messages again, and then disappears. */
function Change({ type, label }: { readonly type: "resume" | "unarchive"; readonly label: string }) {
  const toComposer = useContext(FocusComposer);
  return (
    <Button
      label={label}
      onPress={() => {
        post({ type });
        toComposer();
      }}
    />
  );
}

/** Explains Restricted Mode in one line. */
export function Restricted() {
  return (
    <p class="restricted dim">
      <span>
        <Icon name="shield" /> Restricted Mode: agents may only read, and what this workspace defines is not used.
      </span>
      <button
        type="button"
        class="link"
        onClick={() => {
          post({ type: "manageTrust" });
        }}
      >
        Manage Workspace Trust
      </button>
    </p>
  );
}

/** The state of a missing server, and what to do. */
export function ServerNotice({ server }: { readonly server: Exclude<Server, "ready"> }) {
  switch (server) {
    case "starting":
      return <Bar icon="loading" spin text="The server is starting…" />;
    case "installing":
      return <Bar icon="loading" spin text="The server is being installed…" />;
    case "missing":
      return (
        <Bar icon="cloud-download" text="The sessionls server is not installed yet. Installing it downloads Python packages.">
          <Run command="installServer" label="Install the Server" />
        </Bar>
      );
    case "stopped":
      return (
        <Bar icon="debug-disconnect" text="The server has stopped. Your draft is kept.">
          <Run command="restartServer" label="Restart Server" />
          <Run command="showOutput" label="Show Output" secondary />
        </Bar>
      );
  }
}

/** Reports that no model is available for this session, with commands to set one up. */
export function NoModel({ problem }: { readonly problem: string }) {
  return (
    <Bar icon="warning" text={problem}>
      <Run command="setUpModel" label="Set Up a Model…" />
    </Bar>
  );
}

interface HeldBackProps {
  readonly paused: boolean;
  readonly onResume: () => void;
  readonly onOther: () => void;
  readonly onDismiss: () => void;
}

/** Asks how to continue the session before a message is sent, which stays in the composer until then. */
export function HeldBack({ paused, onResume, onOther, onDismiss }: HeldBackProps) {
  return (
    <div class="bar held-back" role="alert">
      <Icon name={paused ? "debug-pause" : "debug-disconnect"} />
      <span>{paused ? "Your message is not sent yet." : "The last reply was interrupted. Your message is not sent yet."}</span>
      <span class="buttons">
        <Button label={paused ? "Resume and Send" : "Resume It, Then Send"} onPress={onResume} />
        <Button label={paused ? "Continue in a Fork" : "Send Without It"} secondary onPress={onOther} />
      </span>
      <IconButton name="close" label="Not now" onPress={onDismiss} />
    </div>
  );
}

interface RunProps {
  readonly command: Extract<FromView, { type: "command" }>["command"];
  readonly label: string;
  readonly secondary?: boolean;
}

function Run({ command, label, secondary }: RunProps) {
  return (
    <Button
      label={label}
      secondary={secondary ?? false}
      onPress={() => {
        post({ type: "command", command });
      }}
    />
  );
}

/** Buttons with remedies for an error. */
export function Remedies({ kind, reason }: { readonly kind: string | undefined; readonly reason?: string | undefined }) {
  return (
    <>
      {remediesFor(kind, reason).map(({ label, command }) => (
        <Run key={command} command={command} label={label} secondary />
      ))}
    </>
  );
}

interface BarProps {
  readonly icon: string;
  readonly spin?: boolean;
  readonly text: string;
  readonly children?: ComponentChildren;
}

function Bar({ icon, spin, text, children }: BarProps) {
  return (
    <div class="bar">
      <Icon name={icon} {...(spin ? { spin } : {})} />
      <span>{text}</span>
      <span class="buttons">{children}</span>
    </div>
  );
}

export function ProblemBar({ problem, onDismiss }: { readonly problem: Problem; readonly onDismiss: () => void }) {
  return (
    <div class="bar problem" role="alert">
      <Icon name="error" />
      <span>
        {problem.message}
        {problem.hint !== undefined && <span class="dim"> {problem.hint}</span>}
      </span>
      <span class="buttons">
        <Remedies kind={problem.kind} reason={problem.reason} />
      </span>
      <IconButton name="close" label="Dismiss" onPress={onDismiss} />
    </div>
  );
}
