import { describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/folding/openSession";
import { PAGE, MessageWindow, updatesFor } from "../../src/panel/messageWindow";
import type { Message } from "../../src/protocol";

const message = (at: number): Message => ({
  id: `m${at}`,
  sessionId: "s",
  seq: at,
  role: "participant",
  author: { id: "p", name: "Ada" },
  parts: [],
  status: "complete",
  createdAt: "",
});
const state = (from: number, to: number, more = false): OpenSession => ({
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
    seq: to,
    messageCount: to,
    createdAt: "",
    updatedAt: "",
  },
  messages: Array.from({ length: to - from }, (_, at) => message(from + at)),
  more,
  participants: [],
});
const nothingElse = { session: false, moved: false, messages: [] };

describe("the page", () => {
  it("starts with the newest messages, however many are loaded", () => {
    const view = new MessageWindow().show(state(0, 1000));
    expect(view.messages).toHaveLength(PAGE);
    expect(view.messages.at(-1)?.id).toBe("m999");
    expect(view.more).toBe(true);
  });
  it("has more messages if the server has more", () => {
    expect(new MessageWindow().show(state(990, 1000, true)).more).toBe(true);
    expect(new MessageWindow().show(state(0, 10)).more).toBe(false);
  });
  it("gets older messages from the store, page by page", () => {
    const window = new MessageWindow();
    const all = state(0, 120);
    window.show(all);
    expect(window.hasOlder(all)).toBe(true);
    expect(window.older(all).messages.map((one) => one.id)).toEqual(Array.from({ length: PAGE }, (_, at) => `m${20 + at}`));
    expect(window.older(all)).toMatchObject({ more: false });
    expect(window.hasOlder(all)).toBe(false);
  });
  it("knows its messages", () => {
    const window = new MessageWindow();
    const all = state(0, 120);
    window.show(all);
    expect([window.has(all, "m119"), window.has(all, "m70"), window.has(all, "m69")]).toEqual([true, true, false]);
    window.older(all);
    expect(window.has(all, "m69")).toBe(true);
  });
  it("keeps its messages when the session is shown again", () => {
    const window = new MessageWindow();
    window.show(state(0, 120));
    window.older(state(0, 120));
    expect(window.show(state(0, 121)).messages).toHaveLength(101);
  });
});

describe("a change of the store", () => {
  it("updates the page with new messages, also the first one of a session", () => {
    const window = new MessageWindow();
    window.show(state(0, 0));
    expect(updatesFor(state(0, 1), { ...nothingElse, messages: ["m0"] }, window)).toEqual([
      { type: "messages", messages: [message(0)] },
    ]);
    expect(updatesFor(state(0, 2), { ...nothingElse, messages: ["m1"] }, window)).toEqual([
      { type: "messages", messages: [message(1)] },
    ]);
  });
  it("does not update messages that the page does not have", () => {
    const window = new MessageWindow();
    window.show(state(0, 120));
    expect(updatesFor(state(0, 120), { ...nothingElse, messages: ["m3"] }, window)).toEqual([]);
  });
  it("shows all messages again if their order changed", () => {
    const window = new MessageWindow();
    window.show(state(0, 2));
    expect(updatesFor(state(0, 3), { ...nothingElse, moved: true, messages: ["m1"] }, window)).toMatchObject([{ type: "show" }]);
  });
});
