import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Completion, Server, ToView } from "../../src/panel/messages";
import { may, roleOf } from "../../src/people";
import { answeringModel } from "../answeringModel";
import { saveState, loadState, post } from "../host";
import { imageArrived } from "../images";
import { fold, initialState, type State, type Step } from "../state";
import { ChangesOf } from "./changes";
import { Composer } from "./composer";
import { Places } from "./finding";
import { FocusComposer } from "./composer-focus";
import { Header } from "./header";
import { Icon } from "./icon";
import { HandedOver, NoModel, ProblemBar, Restricted, ServerNotice, SessionNotice } from "./notices";
import { AccessLost } from "./people";
import { Questions } from "./questions";
import { Transcript } from "./transcript";

export function App() {
  const { state, step, complete } = useHost();
  const older = useCallback(() => {
    step({ type: "loading" });
    post({ type: "older" });
  }, [step]);
  const { view } = state;
  const id = view?.session.id;
  useEffect(() => {
    if (id !== undefined) saveState({ ...loadState(), sessionId: id });
  }, [id]);
  const area = useRef<HTMLTextAreaElement>(null);
  const toComposer = useCallback(() => {
    area.current?.focus();
  }, []);
  const [sent, setSent] = useState(0);
  const dismiss = useCallback(() => {
    step({ type: "dismiss" });
  }, [step]);
  const onSent = useCallback(() => {
    dismiss();
    setSent((count) => count + 1);
  }, [dismiss]);
  const problem = state.problem && (
    <ProblemBar
      problem={state.problem}
      onDismiss={() => {
        dismiss();
        toComposer();
      }}
    />
  );
  if (state.accessLost) return <AccessLost {...state.accessLost} />;
  if (!view) return <main class="panel">{problem ?? <Opening server={state.server} />}</main>;
  const answers = answeringModel(view.session, state.agents.agents, state.models);
  return (
    <FocusComposer.Provider value={toComposer}>
      <main class="panel" data-session={view.session.id}>
        <Header view={view} answers={answers} use={state.window} me={state.me} />
        {view.messages.length === 0 ? (
          <EmptySession agent={view.session.agent} />
        ) : (
          <Places.Provider value={state.places}>
            <ChangesOf.Provider value={state.changes}>
              <Transcript
                view={view}
                agents={state.agents}
                me={state.me}
                loading={state.loading}
                reveal={state.reveal}
                sent={sent}
                onOlder={older}
              />
            </ChangesOf.Provider>
          </Places.Provider>
        )}
        <footer class="foot">
          <Questions questions={view.session.asking ?? []} answerable={may(roleOf(view.session, state.me), "writer")} />
          {/* Always present: screen readers announce changes in a live region, but not one that is added with its text. */}
          <div role="status">
            <HandedOver session={view.session} me={state.me} />
            <SessionNotice session={view.session} me={state.me} server={state.server} deleting={state.deleting} />
            {state.server === "ready" && view.session.state === "active" && answers.problem !== undefined && (
              <NoModel problem={answers.problem} />
            )}
          </div>
          {problem}
          {/* Sending again clears earlier errors. */}
          <Composer key={view.session.id} state={state} view={view} complete={complete} area={area} onSent={onSent} />
          {!state.trusted && <Restricted />}
        </footer>
      </main>
    </FocusComposer.Provider>
  );
}

/** Shown until the session is loaded. */
function Opening({ server }: { readonly server: Server }) {
  const waits = server === "ready" || server === "starting";
  return (
    <div class={waits ? "empty dim" : "foot"} role="status">
      {waits ? (
        <>
          <Icon name="loading" spin /> Opening…
        </>
      ) : (
        <ServerNotice server={server} />
      )}
    </div>
  );
}

function EmptySession({ agent }: { readonly agent: string }) {
  return (
    // Focusable, so that the keyboard can scroll it in a small panel.
    <div class="empty" tabIndex={0}>
      <Icon name="comment-discussion" />
      <p>
        Write a message to begin. <strong>{agent}</strong> answers, unless you name another agent for it.
      </p>
      <p class="dim">
        <kbd>@</kbd> names an agent for one message. <kbd>#</kbd> adds a file, the selection, problems or changes. <kbd>/</kbd>{" "}
        lists prompts and commands.
      </p>
    </div>
  );
}

/** The state from the host. All messages between two frames are drawn together. */
function useHost() {
  const [state, setState] = useState<State>(initialState);
  const waiting = useRef<Step[]>([]);
  const requests = useRef(new Map<number, (items: readonly Completion[]) => void>());
  const number = useRef(0);

  const step = useCallback((next: Step) => {
    waiting.current.push(next);
    if (waiting.current.length > 1) return;
    requestAnimationFrame(() => {
      const steps = waiting.current;
      waiting.current = [];
      setState((now) => steps.reduce(fold, now));
    });
  }, []);
  useEffect(() => {
    const onMessage = (event: MessageEvent<ToView>) => {
      const message = event.data;
      if (message.type === "image") {
        imageArrived(message.key, message.source);
        return;
      }
      if (message.type !== "completions") {
        step(message);
        return;
      }
      requests.current.get(message.id)?.(message.items);
      requests.current.delete(message.id);
    };
    const focused = () => {
      post({ type: "focused" });
    };
    window.addEventListener("message", onMessage);
    window.addEventListener("focus", focused);
    post({ type: "ready" });
    if (document.hasFocus()) focused();
    return () => {
      window.removeEventListener("message", onMessage);
      window.removeEventListener("focus", focused);
    };
  }, [step]);
  const complete = useCallback(
    (query: string) =>
      new Promise<readonly Completion[]>((resolve) => {
        number.current += 1;
        requests.current.set(number.current, resolve);
        post({ type: "complete", id: number.current, query });
      }),
    [],
  );
  return { state, step, complete };
}
