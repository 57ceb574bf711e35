/** The session's agent, origin, participants and cost. */
import type { View, WindowUse } from "../../src/panel/messages";
import { may, roleOf } from "../../src/people";
import type { AnsweringModel } from "../answeringModel";
import { post } from "../host";
import { usageOf } from "../displayFormat";
import { Icon, IconButton } from "./icon";
import { Meters } from "./meters";
import { People } from "./people";

interface HeaderProps {
  readonly view: View;
  readonly answers: AnsweringModel;
  readonly use: WindowUse | undefined;
  /** Which participant the person here is. */
  readonly me: string | undefined;
}

export function Header({ view, answers, use, me }: HeaderProps) {
  const { session } = view;
  const canWrite = may(roleOf(session, me), "writer");
  const usage = usageOf(session);
  return (
    <header class="session-head">
      <h1 title={session.title}>{session.title}</h1>
      <div class="session-facts">
        <Choice
          icon="sparkle"
          text={session.agent}
          label={`Agent of this session: ${session.agent}. Switch Agent…`}
          command="switchAgent"
        />
        <Choice
          icon={answers.problem === undefined ? "chip" : "warning"}
          text={answers.model ?? (answers.problem === undefined ? "default model" : "no model")}
          label={`${MODEL[answers.by]}: ${answers.model ?? (answers.problem === undefined ? "not known yet" : "none")}. Switch Model…`}
          command="switchModel"
        />
        {session.parent && (
          <button
            type="button"
            class="link"
            onClick={() => {
              post({ type: "showParent" });
            }}
          >
            <Icon name="repo-forked" /> forked
          </button>
        )}
        <People view={view} me={me} />
        <Meters session={session} use={use} />
        {usage !== "" && <span class="dim">{usage}</span>}
        <span class="session-acts">
          {canWrite && session.state === "active" && !session.replying && (
            <IconButton
              name="debug-pause"
              label="Pause Session"
              onPress={() => {
                post({ type: "pause" });
              }}
            />
          )}
          <IconButton
            name="repo-forked"
            label="Fork Session"
            onPress={() => {
              post({ type: "fork" });
            }}
          />
        </span>
      </div>
    </header>
  );
}

const MODEL: Readonly<Record<AnsweringModel["by"], string>> = {
  session: "Model of this session",
  agent: "The agent's own model",
  default: "The default model",
};

interface ChoiceProps {
  readonly icon: string;
  readonly text: string;
  readonly label: string;
  readonly command: "switchAgent" | "switchModel";
}

/** A property of the session with a command to change it. */
function Choice({ icon, text, label, command }: ChoiceProps) {
  return (
    <button
      type="button"
      class="choice"
      title={label}
      aria-label={label}
      onClick={() => {
        post({ type: "command", command });
      }}
    >
      <Icon name={icon} />
      <span class="choice-words">{text}</span>
      <Icon name="chevron-down" />
    </button>
  );
}
