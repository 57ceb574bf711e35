/** The part of a session's messages that the page has. The store may have more, which the page gets on request. Pure. */
import type { OpenSession } from "../folding/openSession";
import type { Message } from "../protocol";
import type { ToView, View } from "./messages";

/** The number of newest messages that the page begins with, and of older ones that it gets each time. */
export const PAGE = 50;

export class MessageWindow {
  private first: string | undefined;

  /** Resets the page, from the first message that it had if that is still known. */
  show(state: OpenSession): View {
    const firstIndex = state.messages.findIndex((message) => message.id === this.first);
    const from = firstIndex >= 0 ? firstIndex : Math.max(0, state.messages.length - PAGE);
    this.first = state.messages[from]?.id;
    return { ...state, messages: state.messages.slice(from), more: from > 0 || state.more };
  }

  /** Begins with the newest messages again, because the page was discarded. */
  reset(): void {
    this.first = undefined;
  }

  /** Whether the store has messages before those of the page. */
  hasOlder(state: OpenSession): boolean {
    return this.start(state) > 0;
  }

  /** Messages before those that the page has. */
  older(state: OpenSession): Extract<ToView, { type: "older" }> {
    const start = this.start(state);
    const from = Math.max(0, start - PAGE);
    const messages = state.messages.slice(from, start);
    this.first = messages[0]?.id ?? this.first;
    return { type: "older", messages, more: from > 0 || state.more };
  }

  /** Whether the page has that message of the store. */
  has(state: OpenSession, id: string): boolean {
    return state.messages.findIndex((message) => message.id === id) >= this.start(state);
  }

  /** The given messages that the page has, or that are new. */
  within(state: OpenSession, ids: readonly string[]): readonly Message[] {
    // An empty session gets its first message.
    this.first ??= state.messages[0]?.id;
    if (ids.length === 0) return [];
    const wantedIds = new Set(ids);
    const start = this.start(state);
    return state.messages.slice(start).filter((message) => wantedIds.has(message.id));
  }

  private start(state: OpenSession): number {
    return Math.max(
      0,
      state.messages.findIndex((message) => message.id === this.first),
    );
  }
}

/** The update of the page for a change of the store. */
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
  const updates: ToView[] = [];
  if (change.append) updates.push({ type: "append", ...change.append });
  const messages = window.within(state, change.messages);
  if (messages.length > 0) updates.push({ type: "messages", messages });
  if (change.session) updates.push({ type: "session", session: state.session, participants: state.participants });
  return updates;
}
