import { describe, expect, it } from "vitest";
import type { Message, View } from "../../src/panel/messages";
import { fold, initialState, type State, type Step } from "../../webview/state";

const message = (id: string, text = id): Message => ({
  id,
  sessionId: "s",
  seq: 1,
  role: "agent",
  author: { agent: "code", model: "m", definition: "d" },
  parts: [{ kind: "text", text }],
  status: "replying",
  createdAt: "2026-01-31T09:30:00.000Z",
});
const view = (...messages: Message[]): View => ({
  session: {
    id: "s",
    title: "t",
    state: "active",
    replying: false,
    queued: 0,
    agent: "code",
    workspaceFolders: [],
    participants: [],
    usage: { inputTokens: 0, outputTokens: 0 },
    seq: 1,
    messageCount: messages.length,
    createdAt: "",
    updatedAt: "",
  },
  messages,
  more: true,
  participants: [],
});
const shown = (...messages: Message[]) => fold(initialState, { type: "show", view: view(...messages) });
const after = (state: State, ...steps: Step[]) => steps.reduce(fold, state);
const ids = (state: State) => state.view?.messages.map((one) => one.id);

describe("the messages of the page", () => {
  it("are updated in place, and new ones come last", () => {
    const state = after(shown(message("a"), message("b")), { type: "messages", messages: [message("c"), message("a", "anew")] });
    expect(ids(state)).toEqual(["a", "b", "c"]);
    expect(state.view?.messages[0]?.parts).toEqual([{ kind: "text", text: "anew" }]);
  });
  it("grow by text at the end of a part", () => {
    const state = after(shown(message("a", "one")), { type: "append", messageId: "a", part: 0, text: " two" });
    expect(state.view?.messages[0]?.parts).toEqual([{ kind: "text", text: "one two" }]);
  });
  it("keep their identity when another one grows, so they are not drawn again", () => {
    const before = shown(message("a"), message("b"));
    const state = fold(before, { type: "append", messageId: "b", part: 0, text: "!" });
    expect(state.view?.messages[0]).toBe(before.view?.messages[0]);
  });
  it("get older ones before them", () => {
    const state = after(
      shown(message("c")),
      { type: "loading" },
      { type: "older", messages: [message("a"), message("b")], more: false },
    );
    expect(ids(state)).toEqual(["a", "b", "c"]);
    expect(state.view?.more).toBe(false);
    expect(state.loading).toBe(false);
  });
});

describe("a message that could not be sent", () => {
  it("returns to the composer, with the problem", () => {
    const draft = { text: "hello", chips: [] };
    const state = after(shown(), { type: "problem", problem: { message: "No." }, draft });
    expect(state.problem).toEqual({ message: "No." });
    expect(state.compose).toEqual({ number: 1, draft, givenBack: true });
    expect(fold(state, { type: "dismiss" }).problem).toBeUndefined();
  });
});

describe("a message to scroll to", () => {
  it("is requested again each time, also for the same message", () => {
    const once = fold(shown(message("a")), { type: "reveal", messageId: "a" });
    expect(once.reveal).toEqual({ number: 1, messageId: "a" });
    expect(fold(once, { type: "reveal", messageId: "a" }).reveal).toEqual({ number: 2, messageId: "a" });
  });
});

describe("a person who loses access", () => {
  const draft = { text: "not sent", chips: [] };
  it("sees the title and the draft, and finds the draft in the composer when the session is back", () => {
    const lost = fold(shown(message("a")), { type: "accessLost", title: "t", draft });
    expect(lost.accessLost).toEqual({ title: "t", draft });
    const back = fold(lost, { type: "show", view: view(message("a")) });
    expect(back.accessLost).toBeUndefined();
    expect(back.draft).toEqual(draft);
  });
});
