/** An open session, and how it changes with responses of the server. Pure. */
import type { History, Message, Opened, OpenQuestion, Participant, Session } from "../protocol";

/** A tool call that waits for permission. */
export type Question = OpenQuestion;

/**
 * A session that is open here. `messages` are the newest ones: those with a place, oldest first, then the waiting ones.
 * `more`: there are older ones. `participants` are those who have it open now.
 */
export interface OpenSession {
  readonly session: Session;
  readonly messages: readonly Message[];
  readonly more: boolean;
  readonly participants: readonly Participant[];
}

/** The changes of a step. `moved`: messages were reordered, or added before the end. */
export interface Change {
  readonly session: boolean;
  readonly moved: boolean;
  readonly messages: readonly string[];
  readonly append?: { readonly messageId: string; readonly part: number; readonly text: string };
}

export interface Folded {
  readonly state: OpenSession;
  readonly change: Change;
}

export const NOTHING: Change = { session: false, moved: false, messages: [] };

/**
 * A session from a response to `session/open`. Keeps the older messages of `before` if they are contiguous with the new ones.
 */
export function openedSession(result: Opened, before?: OpenSession): OpenSession {
  const first = result.messages[0];
  const overlap = first === undefined ? -1 : (before?.messages.findIndex((message) => message.id === first.id) ?? -1);
  const kept = overlap > 0 ? (before?.messages.slice(0, overlap) ?? []) : [];
  return {
    session: result.session,
    messages: [...kept, ...result.messages],
    more: kept.length > 0 ? (before?.more ?? false) : result.more,
    participants: result.participants,
  };
}

/** Adds a page of older messages. */
export function withOlder(state: OpenSession, page: History): OpenSession {
  const known = new Set(state.messages.map((message) => message.id));
  return {
    ...state,
    messages: [...page.messages.filter((message) => !known.has(message.id)), ...state.messages],
    more: page.more,
  };
}

/** Updates the session from `session/changed`, unless the state is newer. */
export function withSession(state: OpenSession, session: Session): OpenSession {
  return session.seq >= state.session.seq ? { ...state, session } : state;
}
