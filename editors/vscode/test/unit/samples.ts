/** Objects of the wire for tests: whole, with what matters to a test given. */
import type { Memento } from "vscode";
import type { Event, Message, OpenQuestion, Session } from "../../src/protocol";

export const AT = "2026-03-01T12:00:00Z";
export const ADA = { id: "p-ada", name: "Ada" };

export function aSession(given: Partial<Session> = {}): Session {
  return {
    id: "s",
    title: "A session",
    state: "active",
    replying: false,
    queued: 0,
    agent: "code",
    workspaceFolders: [],
    participants: [ADA],
    usage: { inputTokens: 0, outputTokens: 0 },
    seq: 10,
    messageCount: 0,
    createdAt: AT,
    updatedAt: AT,
    ...given,
  };
}

export function aMessage(id: string, given: Partial<Message> = {}): Message {
  return {
    id,
    sessionId: "s",
    seq: 1,
    role: "participant",
    author: ADA,
    parts: [{ kind: "text", text: id }],
    status: "complete",
    createdAt: AT,
    ...given,
  };
}

export function aReply(id: string, replyTo: string, given: Partial<Message> = {}): Message {
  return aMessage(id, { role: "agent", author: { agent: "code", model: "m", definition: "d" }, replyTo, parts: [], ...given });
}

export function aQuestion(requestId: string, given: Partial<OpenQuestion> = {}): OpenQuestion {
  const about = { tool: "run_command", summary: "Run make", risk: "execute", scope: "make" } as const;
  return { requestId, messageId: "r", agent: "code", ...about, at: AT, ...given };
}

type Fields<E> = E extends Event ? Omit<E, "sessionId" | "seq" | "at"> : never;

export function anEvent(seq: number, fields: Fields<Event>): Event {
  return { sessionId: "s", seq, at: AT, ...fields };
}

/** VS Code's memory: what it gives back went through JSON. */
export function memory(): Memento {
  const kept = new Map<string, string>();
  return {
    get: (key: string, otherwise?: unknown) => (kept.has(key) ? JSON.parse(kept.get(key) ?? "") : otherwise) as never,
    update: (key, value) => {
      if (value === undefined) kept.delete(key);
      else kept.set(key, JSON.stringify(value));
      return Promise.resolve();
    },
    keys: () => [...kept.keys()],
  };
}
