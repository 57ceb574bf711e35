/** The state of the panel as a fold over the host's messages. Pure. */
import type {
  Agents,
  Chip,
  Draft,
  Message,
  Models,
  PlaceNow,
  Problem,
  Server,
  ShownChange,
  ToView,
  View,
  WindowUse,
  PromptFile,
} from "../src/panel/messages";

export interface State {
  readonly view?: View;
  /** The stored draft. */
  readonly draft: Draft;
  readonly agents: Agents;
  /** Absent until the server has listed its models. */
  readonly models?: Models;
  readonly window?: WindowUse;
  readonly offers: readonly Chip[];
  readonly prompts: readonly PromptFile[];
  /** Which participant the person here is. */
  readonly me?: string;
  /** The person has no access any more: the session's title, and what they had not sent. */
  readonly accessLost?: { readonly title: string; readonly draft: Draft };
  readonly server: Server;
  readonly trusted: boolean;
  /** Whether the session was deleted and can still be restored. */
  readonly deleting: boolean;
  /** The current locations of findings, by id. */
  readonly places: Readonly<Record<string, PlaceNow>>;
  /** The known changes of replies, by the replies' ids. */
  readonly changes: Readonly<Record<string, readonly ShownChange[]>>;
  readonly problem?: Problem;
  /** Whether older messages have been requested. */
  readonly loading: boolean;
  /** The message to scroll to. The number distinguishes repeated requests. */
  readonly reveal?: { readonly number: number; readonly messageId: string };
  /** A draft for the composer from the host. The number distinguishes repeated ones. */
  readonly compose?: { readonly number: number; readonly draft: Draft; readonly givenBack: boolean };
}

export const initialState: State = {
  draft: { text: "", chips: [] },
  agents: { agents: [], default: "" },
  offers: [],
  prompts: [],
  server: "starting",
  trusted: true,
  deleting: false,
  places: {},
  changes: {},
  loading: false,
};

export type Step = ToView | { readonly type: "loading" } | { readonly type: "dismiss" };

export function fold(state: State, step: Step): State {
  switch (step.type) {
    case "show":
      return { ...without(without(state, "problem"), "accessLost"), view: step.view, loading: false };
    case "session":
      return updateView(state, (view) => ({
        ...view,
        session: step.session,
        participants: step.participants,
      }));
    case "messages":
      return updateView(state, (view) => ({ ...view, messages: mergeMessages(view.messages, step.messages) }));
    case "append":
      return updateView(state, (view) => ({
        ...view,
        messages: appendText(view.messages, step.messageId, step.part, step.text),
      }));
    case "older":
      return {
        ...updateView(state, (view) => ({ ...view, messages: [...step.messages, ...view.messages], more: step.more })),
        loading: false,
      };
    case "agents":
      return { ...state, agents: step.agents };
    case "models":
      return { ...state, models: step.models };
    case "prompts":
      return { ...state, prompts: step.prompts };
    case "window":
      return step.use === undefined ? without(state, "window") : { ...state, window: step.use };
    case "participant":
      return step.id === undefined ? without(state, "me") : { ...state, me: step.id };
    case "accessLost":
      // Whoever is given access again finds the draft in the composer.
      return { ...state, draft: step.draft, accessLost: { title: step.title, draft: step.draft } };
    case "offers":
      return { ...state, offers: step.chips };
    case "places":
      return { ...state, places: step.places };
    case "server":
      return { ...state, server: step.server };
    case "trust":
      return { ...state, trusted: step.trusted };
    case "changes":
      return { ...state, changes: { ...state.changes, [step.messageId]: step.files } };
    case "deleting":
      return { ...state, deleting: step.deleting };
    case "reveal":
      return { ...state, reveal: { number: (state.reveal?.number ?? 0) + 1, messageId: step.messageId } };
    case "draft":
      return { ...state, draft: step.draft };
    case "compose":
      return { ...state, compose: next(state, step.draft, false) };
    case "takenBack":
      return { ...state, compose: next(state, step.draft, true) };
    case "problem":
      return {
        ...state,
        loading: false,
        problem: step.problem,
        ...(step.draft ? { compose: next(state, step.draft, true) } : {}),
      };
    case "loading":
      return { ...state, loading: true };
    case "dismiss":
      return without(state, "problem");
    case "completions":
    case "image":
      return state;
  }
}

function next(state: State, draft: Draft, givenBack: boolean): NonNullable<State["compose"]> {
  return { number: (state.compose?.number ?? 0) + 1, draft, givenBack };
}

function without(state: State, key: "problem" | "window" | "me" | "accessLost"): State {
  const { [key]: _gone, ...rest } = state;
  return rest;
}

function updateView(state: State, change: (view: View) => View): State {
  return state.view ? { ...state, view: change(state.view) } : state;
}

function mergeMessages(old: readonly Message[], changed: readonly Message[]): readonly Message[] {
  const byId = new Map(changed.map((message) => [message.id, message]));
  const kept = old.map((message) => {
    const renewed = byId.get(message.id);
    byId.delete(message.id);
    return renewed ?? message;
  });
  return [...kept, ...byId.values()];
}

function appendText(messages: readonly Message[], messageId: string, at: number, text: string): readonly Message[] {
  return messages.map((message) => {
    if (message.id !== messageId) return message;
    const parts = message.parts.map((part, index) =>
      index === at && (part.kind === "text" || part.kind === "reasoning") ? { ...part, text: part.text + text } : part,
    );
    return { ...message, parts };
  });
}
