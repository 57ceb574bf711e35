/** Which part of a session's messages the page has. The store may know more; the page is given it when it asks. Pure. */
import type { OpenSession } from "../folding";
import type { Message } from "../protocol";
import type { ToView, View } from "./messages";

/** The page begins with this many of the newest messages, and gets this many more each time. */
export const PAGE = 50;

export class MessageWindow {
  private first: string | undefined;

  /** The session anew, from the first message that the page had where that is still known. */
  show(state: OpenSession): View {
    const had = state.messages.findIndex((message) => message.id === this.first);
    const from = had >= 0 ? had : Math.max(0, state.messages.length - PAGE);
    this.first = state.messages[from]?.id;
    return { ...state, messages: state.messages.slice(from), more: from > 0 || state.more };
  }

  /** Begins with the newest messages again: the page was thrown away. */
  reset(): void {
    this.first = undefined;
  }

  /** Whether the store knows messages before those of the page. */
  hasOlder(state: OpenSession): boolean {
    return this.start(state) > 0;
  }

  /** The page of messages before those that the page has. */
  older(state: OpenSession): Extract<ToView, { type: "older" }> {
    const start = this.start(state);
    const from = Math.max(0, start - PAGE);
    const messages = state.messages.slice(from, start);
    this.first = messages[0]?.id ?? this.first;
    return { type: "older", messages, more: from > 0 || state.more };
  }

  /** Whether the page has that message, which the store knows. */
  has(state: OpenSession, id: string): boolean {
    return state.messages.findIndex((message) => message.id === id) >= this.start(state);
  }

  /** Those of the given messages that the page has, or should have because they are new. */
  within(state: OpenSession, ids: readonly string[]): readonly Message[] {
    const wanted = new Set(ids);
    const start = this.start(state);
    // A session that was empty begins with its first message.
    this.first ??= state.messages[0]?.id;
    return state.messages.slice(start).filter((message) => wanted.has(message.id));
  }

  private start(state: OpenSession): number {
    return Math.max(
      0,
      state.messages.findIndex((message) => message.id === this.first),
    );
  }
}

/** What the page is told of a step of the store. */
export function updatesFor(
  state: OpenSession,
  change: {
    session: boolean;
    moved: boolean;
    messages: readonly string[];
    append?: { messageId: string; part: number; text: string };
  },
  window: MessageWindow,
): ToView[] {
  if (change.moved) return [{ type: "show", view: window.show(state) }];
  const told: ToView[] = [];
  if (change.append) told.push({ type: "append", ...change.append });
  const messages = window.within(state, change.messages);
  if (messages.length > 0) told.push({ type: "messages", messages });
  if (change.session) told.push({ type: "session", session: state.session, participants: state.participants });
  return told;
}
