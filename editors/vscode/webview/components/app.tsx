import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Completion, ToView } from "../../src/panel/messages";
import { answering } from "../answering";
import { keep, tell } from "../host";
import { fold, nothing, type State, type Step } from "../state";
import { Composer } from "./composer";
import { Places } from "./finding";
import { Header } from "./header";
import { Icon } from "./icon";
import { NoModel, ProblemBar, Questions, Restricted, ServerStanding, Standing } from "./notices";
import { Transcript } from "./transcript";

export function App() {
  const { state, step, complete } = useHost();
  const older = useCallback(() => {
    step({ type: "loading" });
    tell({ type: "older" });
  }, [step]);
  const { view } = state;
  const id = view?.session.id;
  useEffect(() => {
    if (id !== undefined) keep({ sessionId: id });
  }, [id]);
  if (!view) {
    return (
      <main class="panel">
        {state.problem ? (
          <ProblemBar
            problem={state.problem}
            onDismiss={() => {
              step({ type: "dismiss" });
            }}
          />
        ) : state.server === "missing" || state.server === "installing" || state.server === "stopped" ? (
          <div class="foot">
            <ServerStanding server={state.server} />
          </div>
        ) : (
          <p class="empty dim">
            <Icon name="loading" spin /> Opening…
          </p>
        )}
      </main>
    );
  }
  const answers = answering(view.session, state.agents.agents, state.models);
  return (
    <main class="panel">
      <Header view={view} answers={answers} />
      {view.messages.length === 0 ? (
        <Beginning agent={view.session.agent} />
      ) : (
        <Places.Provider value={state.places}>
          <Transcript view={view} agents={state.agents} loading={state.loading} reveal={state.reveal} onOlder={older} />
        </Places.Provider>
      )}
      <footer class="foot">
        <Questions questions={view.questions} />
        <Standing session={view.session} server={state.server} />
        {state.server === "ready" && view.session.state === "active" && answers.problem !== undefined && (
          <NoModel problem={answers.problem} />
        )}
        {state.problem && (
          <ProblemBar
            problem={state.problem}
            onDismiss={() => {
              step({ type: "dismiss" });
            }}
          />
        )}
        <Composer key={view.session.id} state={state} view={view} complete={complete} />
        {!state.trusted && <Restricted />}
      </footer>
    </main>
  );
}

function Beginning({ agent }: { readonly agent: string }) {
  return (
    <div class="empty">
      <Icon name="comment-discussion" />
      <p>
        Write a message to begin. <strong>{agent}</strong> answers, unless you name another agent for it.
      </p>
      <p class="dim">
        <kbd>@</kbd> names an agent for one message. <kbd>#</kbd> adds a file, the selection, problems or changes.
      </p>
    </div>
  );
}

/** The state as the host tells it. What arrives between two frames is drawn at once, in the next. */
function useHost() {
  const [state, setState] = useState<State>(nothing);
  const waiting = useRef<Step[]>([]);
  const asked = useRef(new Map<number, (items: readonly Completion[]) => void>());
  const number = useRef(0);

  const step = useCallback((one: Step) => {
    waiting.current.push(one);
    if (waiting.current.length > 1) return;
    requestAnimationFrame(() => {
      const steps = waiting.current;
      waiting.current = [];
      setState((now) => steps.reduce(fold, now));
    });
  }, []);
  useEffect(() => {
    const heard = (event: MessageEvent<ToView>) => {
      const message = event.data;
      if (message.type !== "completions") {
        step(message);
        return;
      }
      asked.current.get(message.id)?.(message.items);
      asked.current.delete(message.id);
    };
    window.addEventListener("message", heard);
    tell({ type: "ready" });
    return () => {
      window.removeEventListener("message", heard);
    };
  }, [step]);
  const complete = useCallback(
    (query: string) =>
      new Promise<readonly Completion[]>((resolve) => {
        number.current += 1;
        asked.current.set(number.current, resolve);
        tell({ type: "complete", id: number.current, query });
      }),
    [],
  );
  return { state, step, complete };
}
