/** What stands between the messages and the composer: questions, a paused session, what could not be done. */
import type { ComponentChildren } from "preact";
import type { Decision, Problem, Question, Server, Session } from "../../src/panel/messages";
import { tell } from "../host";
import { Icon, IconButton } from "./icon";

const risks = { read: "read", write: "write", execute: "run", network: "network" } as const;
const riskIcons = { read: "eye", write: "edit", execute: "terminal", network: "globe" } as const;

export function Questions({ questions }: { readonly questions: readonly Question[] }) {
  return (
    <>
      {questions.map((question) => (
        <section key={question.requestId} class="card question" role="alertdialog" aria-label="Permission">
          <header>
            <Icon name={riskIcons[question.risk]} />
            <strong>{question.summary}</strong>
            <span class="tag">{risks[question.risk]}</span>
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
    </>
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
    <button
      type="button"
      class={`button ${decision === "once" ? "" : "secondary"}`}
      {...(title === undefined ? {} : { title })}
      onClick={() => {
        tell({ type: "answer", requestId: question.requestId, decision });
      }}
    >
      {label}
    </button>
  );
}

export function Standing({ session, server }: { readonly session: Session; readonly server: Server }) {
  if (server === "starting") return <Bar icon="loading" spin words="The server is starting…" />;
  if (server === "stopped") return <Bar icon="debug-disconnect" words="The server has stopped. What is written here is kept." />;
  if (session.state === "paused") {
    return (
      <Bar icon="debug-pause" words="This session is paused.">
        <button
          type="button"
          class="button"
          onClick={() => {
            tell({ type: "resume" });
          }}
        >
          Resume
        </button>
        <button
          type="button"
          class="button secondary"
          onClick={() => {
            tell({ type: "fork" });
          }}
        >
          Fork
        </button>
      </Bar>
    );
  }
  if (session.state === "archived") {
    return (
      <Bar icon="archive" words="This session is archived.">
        <button
          type="button"
          class="button"
          onClick={() => {
            tell({ type: "unarchive" });
          }}
        >
          Unarchive
        </button>
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
