/** What stands between the messages and the composer: questions, a paused session, what could not be done. */
import type { ComponentChildren } from "preact";
import type { Decision, FromView, Problem, Question, Server, Session } from "../../src/panel/messages";
import { tell } from "../host";
import { Badge, Button } from "./button";
import { Icon, IconButton } from "./icon";

const risks = { read: "read", write: "write", execute: "run", network: "network" } as const;
const riskIcons = { read: "eye", write: "edit", execute: "terminal", network: "globe" } as const;

export function Questions({ questions }: { readonly questions: readonly Question[] }) {
  return (
    <div class="questions">
      {questions.map((question) => (
        <section key={question.requestId} class="card question" role="alertdialog" aria-label="Permission">
          <header>
            <Icon name={riskIcons[question.risk]} />
            <strong>{question.summary}</strong>
            <Badge>{risks[question.risk]}</Badge>
          </header>
          {question.detail !== undefined && question.detail !== "" && (
            <pre class="plain" tabIndex={0}>
              {question.detail}
            </pre>
          )}
          <div class="buttons">
            <Answer question={question} decision="once" label="Allow Once" />
            <Answer question={question} decision="session" label="Allow in This Session" title={question.scope} />
            <Answer question={question} decision="deny" label="Deny" />
          </div>
        </section>
      ))}
    </div>
  );
}

interface AnswerProps {
  readonly question: Question;
  readonly decision: Decision;
  readonly label: string;
  readonly title?: string | undefined;
}

function Answer({ question, decision, label, title }: AnswerProps) {
  return (
    <Button
      label={label}
      secondary={decision !== "once"}
      title={title}
      onPress={() => {
        tell({ type: "answer", requestId: question.requestId, decision });
      }}
    />
  );
}

export function Standing({ session, server }: { readonly session: Session; readonly server: Server }) {
  if (server !== "ready") return <ServerStanding server={server} />;
  if (session.state === "paused") {
    return (
      <Bar icon="debug-pause" words="This session is paused.">
        <Button
          label="Resume"
          onPress={() => {
            tell({ type: "resume" });
          }}
        />
        <Button
          label="Fork"
          secondary
          onPress={() => {
            tell({ type: "fork" });
          }}
        />
      </Bar>
    );
  }
  if (session.state === "archived") {
    return (
      <Bar icon="archive" words="This session is archived.">
        <Button
          label="Unarchive"
          onPress={() => {
            tell({ type: "unarchive" });
          }}
        />
      </Bar>
    );
  }
  return null;
}

/** What Restricted Mode keeps agents from, in one line. */
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
          tell({ type: "manageTrust" });
        }}
      >
        Manage Workspace Trust
      </button>
    </p>
  );
}

/** What is to be done where no server answers. */
export function ServerStanding({ server }: { readonly server: Exclude<Server, "ready"> }) {
  switch (server) {
    case "starting":
      return <Bar icon="loading" spin words="The server is starting…" />;
    case "installing":
      return <Bar icon="loading" spin words="The server is being installed…" />;
    case "missing":
      return (
        <Bar icon="cloud-download" words="The sessionls server is not installed yet. Installing it downloads Python packages.">
          <Run command="installServer" label="Install the Server" />
        </Bar>
      );
    case "stopped":
      return (
        <Bar icon="debug-disconnect" words="The server has stopped. What is written here is kept.">
          <Run command="restartServer" label="Restart Server" />
          <Run command="showOutput" label="Show Output" secondary />
        </Bar>
      );
  }
}

/** Says that no model can answer in this session, and leads to one. */
export function NoModel({ problem }: { readonly problem: string }) {
  return (
    <Bar icon="warning" words={problem}>
      <Run command="setUpModel" label="Set Up a Model…" />
    </Bar>
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
        tell({ type: "command", command });
      }}
    />
  );
}

interface BarProps {
  readonly icon: string;
  readonly spin?: boolean;
  readonly words: string;
  readonly children?: ComponentChildren;
}

function Bar({ icon, spin, words, children }: BarProps) {
  return (
    <div class="bar" role="status">
      <Icon name={icon} {...(spin ? { spin } : {})} />
      <span>{words}</span>
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
      <IconButton name="close" label="Dismiss" onPress={onDismiss} />
    </div>
  );
}
