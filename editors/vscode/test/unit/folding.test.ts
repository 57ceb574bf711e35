import { describe, expect, it } from "vitest";
import { grow } from "../../src/folding/deltas";
import { fold } from "../../src/folding/events";
import { openedSession, withOlder, type Change, type OpenSession } from "../../src/folding/openSession";
import type { DeltaParams, Event, Message, Part } from "../../src/protocol";
import { ADA, aMessage, anEvent, aReply, aSession, AT } from "./samples";

const BOB = { id: "p-bob", name: "Bob" };
const AUTHOR = { agent: "code", model: "m", definition: "d" };

function state(messages: readonly Message[] = [], given: Partial<OpenSession> = {}): OpenSession {
  return { session: aSession(), messages, more: false, participants: [ADA], ...given };
}

/** The state after these events, which must all follow. */
function after(before: OpenSession, ...events: Event[]): OpenSession {
  return events.reduce((now, event) => step(now, event).state, before);
}

function step(before: OpenSession, event: Event): { state: OpenSession; change: Change } {
  const folded = fold(before, event);
  if (folded === "resync") throw new Error("a resync is due");
  return folded;
}

const ids = (now: OpenSession): string[] => now.messages.map((message) => message.id);
const message = (now: OpenSession, id: string): Message => {
  const found = now.messages.find((one) => one.id === id);
  if (found === undefined) throw new Error(`${id} is not there`);
  return found;
};
const sent = (seq: number, id: string): Event =>
  anEvent(seq, { kind: "messageSent", message: aMessage(id, { status: "queued", seq }) });
const started = (seq: number, id: string, replyTo: string): Event =>
  anEvent(seq, { kind: "replyStarted", messageId: id, replyTo, ...AUTHOR });
const finished = (seq: number, id: string, replyTo: string, given: Partial<Message> = {}): Event =>
  anEvent(seq, { kind: "replyFinished", message: aReply(id, replyTo, given) });
const delta = (given: Partial<DeltaParams>): DeltaParams => ({
  sessionId: "s",
  messageId: "r",
  part: 0,
  kind: "text",
  offset: 0,
  text: "",
  ...given,
});

describe("the number of an event", () => {
  it("shows whether it is already known, or events before it are missing", () => {
    const before = state();
    expect(fold(before, anEvent(10, { kind: "paused" }))).toMatchObject({
      state: before,
      change: { session: false, messages: [] },
    });
    expect(fold(before, anEvent(12, { kind: "paused" }))).toBe("resync");
    expect(step(before, anEvent(11, { kind: "paused" })).state.session).toMatchObject({ seq: 11, state: "paused" });
  });
});

describe("a message and its reply", () => {
  it("waits, is being answered, and is complete", () => {
    let now = after(state(), sent(11, "a"));
    expect(now.session).toMatchObject({ queued: 1, messageCount: 1, replying: false });
    now = after(now, started(12, "r", "a"));
    expect(now.session).toMatchObject({ queued: 0, messageCount: 2, replying: true });
    expect(message(now, "a").status).toBe("replying");
    expect(message(now, "r")).toMatchObject({ status: "replying", role: "agent", replyTo: "a", author: AUTHOR, createdAt: AT });
    now = after(now, finished(13, "r", "a", { parts: [{ kind: "text", text: "Yes." }] }));
    expect(now.session.replying).toBe(false);
    expect([message(now, "a").status, message(now, "r").status]).toEqual(["complete", "complete"]);
    expect(message(now, "r").parts).toEqual([{ kind: "text", text: "Yes." }]);
  });

  it("comes after the reply that it waited for, and is reported as moved", () => {
    let now = after(state(), sent(11, "a"), started(12, "ra", "a"), sent(13, "b"), sent(14, "c"));
    expect(ids(now)).toEqual(["a", "ra", "b", "c"]);
    now = after(now, finished(15, "ra", "a"));
    const next = step(now, started(16, "rb", "b"));
    expect(ids(next.state)).toEqual(["a", "ra", "b", "rb", "c"]);
    expect(next.change.moved).toBe(true);
    expect(next.state.session.queued).toBe(1);
  });

  it("is cancelled while it waits: its reply ends without having started", () => {
    const before = after(state(), sent(11, "a"), started(12, "ra", "a"), sent(13, "b"), sent(14, "c"));
    const now = after(before, finished(15, "rc", "c", { status: "cancelled", seq: 15 }));
    expect(ids(now)).toEqual(["a", "ra", "c", "rc", "b"]);
    expect([message(now, "c").status, message(now, "rc").status]).toEqual(["complete", "cancelled"]);
  });

  it("comes before a reply that it was steered to", () => {
    const before = after(state(), sent(11, "a"), started(12, "ra", "a"), sent(13, "b"));
    const now = after(before, anEvent(14, { kind: "messageSteered", messageId: "b", replyId: "ra", part: 2 }));
    expect(ids(now)).toEqual(["a", "b", "ra"]);
    expect(message(now, "b")).toMatchObject({ status: "complete", steered: { messageId: "ra", part: 2 } });
    expect(now.session.queued).toBe(0);
  });

  it("stops when it is paused, and is resumed without the earlier error", () => {
    let now = after(state(), sent(11, "a"), started(12, "r", "a"));
    now = after(
      now,
      finished(13, "r", "a", { status: "failed", error: { kind: "modelUnavailable", message: "No key." }, finishedAt: AT }),
    );
    expect([message(now, "a").status, message(now, "r").status]).toEqual(["complete", "failed"]);
    now = after(now, started(14, "r", "a"));
    expect(message(now, "r")).not.toHaveProperty("error");
    expect(message(now, "r")).not.toHaveProperty("finishedAt");
    now = after(now, finished(15, "r", "a", { status: "paused" }));
    expect([message(now, "a").status, message(now, "r").status]).toEqual(["paused", "paused"]);
    expect(ids(now)).toEqual(["a", "r"]);
  });
});

describe("the parts of a reply", () => {
  const replying = after(state(), sent(11, "a"), started(12, "r", "a"));

  it("are replaced by those of each finished step", () => {
    const grown = grow(replying, delta({ text: "Let me loo" }));
    if (grown === "resync") throw new Error("a resync is due");
    const now = after(
      grown.state,
      anEvent(13, {
        kind: "stepFinished",
        messageId: "r",
        index: 0,
        parts: [{ kind: "text", text: "Let me look." }],
        usage: { inputTokens: 5, outputTokens: 2 },
      }),
    );
    expect(message(now, "r").parts).toEqual([{ kind: "text", text: "Let me look." }]);
  });

  it("are tools with their results, findings and edits", () => {
    const tool = { kind: "tool" as const, callId: "1", name: "read_file", arguments: {}, status: "running" as const };
    const finding = {
      id: "f",
      uri: "file:///x",
      range: { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } },
      severity: 2 as const,
      title: "t",
      body: "b",
      state: "open" as const,
      sessionId: "s",
      agent: "code",
      messageId: "r",
    };
    const now = after(
      replying,
      anEvent(13, { kind: "toolCalled", messageId: "r", index: 0, part: tool }),
      anEvent(14, { kind: "toolFinished", messageId: "r", index: 0, part: { ...tool, status: "done", result: "ok" } }),
      anEvent(15, { kind: "findingReported", finding }),
      anEvent(16, { kind: "edited", messageId: "r", uri: "file:///x", summary: "one line", applied: true }),
      anEvent(17, { kind: "findingChanged", findingId: "f", state: "dismissed", reason: "meant so" }),
    );
    expect(message(now, "r").parts).toEqual([
      { ...tool, status: "done", result: "ok" },
      { kind: "finding", finding: { ...finding, state: "dismissed", reason: "meant so" } },
      { kind: "edit", uri: "file:///x", summary: "one line", applied: true },
    ]);
  });

  it("have their usage counted once, however often it is reported", () => {
    const now = after(
      replying,
      anEvent(13, {
        kind: "stepFinished",
        messageId: "r",
        index: 0,
        parts: [],
        usage: { inputTokens: 5, outputTokens: 2, cost: 0.25 },
      }),
      anEvent(14, {
        kind: "stepFinished",
        messageId: "r",
        index: 0,
        parts: [],
        usage: { inputTokens: 8, outputTokens: 3, cost: 0.5 },
      }),
      finished(15, "r", "a", { usage: { inputTokens: 9, outputTokens: 4, cost: 0.75 } }),
    );
    expect(now.session.usage).toEqual({ inputTokens: 9, outputTokens: 4, cost: 0.75 });
  });
});

describe("deltas of a reply", () => {
  const replying = after(state(), sent(11, "a"), started(12, "r", "a"));

  /** The state after these deltas, and what each of them changed. */
  function words(...deltas: Partial<DeltaParams>[]): { now: OpenSession; changes: Change[] } {
    let now = replying;
    const changes = deltas.map((given) => {
      const grown = grow(now, delta(given));
      if (grown === "resync") throw new Error("a resync is due");
      now = grown.state;
      return grown.change;
    });
    return { now, changes };
  }

  it("join, counted in code points", () => {
    const { now, changes } = words({ text: "a😀" }, { offset: 2, text: "é" }, { offset: 3, text: "!" });
    expect(message(now, "r").parts).toEqual([{ kind: "text", text: "a😀é!" }]);
    expect(changes[0]).toMatchObject({ messages: ["r"] }); // a new part
    expect(changes[1]).toMatchObject({ messages: [], append: { messageId: "r", part: 0, text: "é" } });
  });

  it("start a part of their kind", () => {
    const { now } = words({ kind: "reasoning", text: "Hm." }, { part: 1, text: "Yes." });
    expect(message(now, "r").parts).toEqual([
      { kind: "reasoning", text: "Hm." },
      { kind: "text", text: "Yes." },
    ]);
  });

  it("that are already known change nothing", () => {
    const { now, changes } = words({ text: "😀bc" }, { offset: 1, text: "bc" }, { offset: 2, text: "cd" });
    expect(message(now, "r").parts).toEqual([{ kind: "text", text: "😀bcd" }]);
    expect(changes[1]).toMatchObject({ messages: [], session: false });
    expect(changes[1]).not.toHaveProperty("append");
  });

  it.each([
    ["after words that are missing", { offset: 1, text: "b" }],
    ["of a part after one that is missing", { part: 1, text: "b" }],
    ["of a message that is not known", { messageId: "other", text: "b" }],
  ])("%s needs a resync", (_, given) => {
    expect(grow(replying, delta(given))).toBe("resync");
  });

  it("that come late to a reply that has ended change nothing", () => {
    const now = after(replying, finished(13, "r", "a", { parts: [{ kind: "text", text: "Done." }] }));
    expect(grow(now, delta({ text: "Done" }))).toMatchObject({ state: now });
  });
});

describe("the session", () => {
  it("gets another default agent, and loses the earlier one's model", () => {
    const before = state([], { session: aSession({ model: "big" }) });
    const now = after(before, anEvent(11, { kind: "agentSwitched", agent: "review", from: "code" }));
    expect(now.session.agent).toBe("review");
    expect(now.session).not.toHaveProperty("model");
  });

  it("has its participants, and those who have it open now", () => {
    let now = after(state(), anEvent(11, { kind: "participantJoined", participant: BOB }));
    expect(now.participants).toEqual([ADA, BOB]);
    now = after(now, anEvent(12, { kind: "participantLeft", participantId: BOB.id }));
    expect(now.participants).toEqual([ADA]);
    expect(now.session.participants).toEqual([ADA, BOB]);
  });

  it("is not updated by being opened or forked", () => {
    const at = "2026-03-02T12:00:00Z";
    const now = after(
      state(),
      { ...anEvent(11, { kind: "participantJoined", participant: BOB }), at },
      { ...anEvent(12, { kind: "forked", childId: "x" }), at },
    );
    expect(now.session.updatedAt).toBe(AT);
    expect(after(now, { ...anEvent(13, { kind: "renamed", title: "New" }), at }).session).toMatchObject({
      title: "New",
      updatedAt: at,
    });
  });
});

describe("questions", () => {
  const asked = (seq: number, requestId: string): Event =>
    anEvent(seq, {
      kind: "permissionAsked",
      requestId,
      messageId: "r",
      tool: "run_command",
      summary: "Run `make`",
      risk: "execute",
      scope: "make",
      by: { agent: "code" },
    });
  const replying = after(state(), sent(11, "a"), started(12, "r", "a"), asked(13, "q1"), asked(14, "q2"));

  it("stay open until somebody answers", () => {
    expect(replying.session.asking).toMatchObject([{ requestId: "q1", messageId: "r", agent: "code" }, { requestId: "q2" }]);
    const now = after(replying, anEvent(15, { kind: "permissionAnswered", requestId: "q1", decision: "once" }));
    expect(now.session.asking).toMatchObject([{ requestId: "q2" }]);
  });

  it("are withdrawn when their reply ends or stops", () => {
    expect(after(replying, finished(15, "r", "a", { status: "paused" })).session).not.toHaveProperty("asking");
  });

  it("stay open when another waiting message is cancelled", () => {
    const now = after(replying, sent(15, "b"), finished(16, "rb", "b", { status: "cancelled", seq: 16 }));
    expect(now.session).toMatchObject({ replying: true, queued: 0, asking: [{ requestId: "q1" }, { requestId: "q2" }] });
  });
});

describe("opening and paging", () => {
  const page = (from: number, to: number): Message[] =>
    Array.from({ length: to - from + 1 }, (_, at) => aMessage(`m${from + at}`));
  const result = (messages: Message[], more = true): Parameters<typeof openedSession>[0] => ({
    session: aSession(),
    messages,
    more,
    participants: [ADA],
    seq: 10,
  });

  it("has older messages if the server says so, however long the page is", () => {
    expect(openedSession(result(page(1, 2), true)).more).toBe(true);
    expect(openedSession(result(page(1, 2), false)).more).toBe(false);
  });

  it("puts older messages before the others, none of them twice", () => {
    const now = withOlder(openedSession(result(page(3, 4))), { messages: page(1, 3), more: false });
    expect(ids(now)).toEqual(["m1", "m2", "m3", "m4"]);
    expect(now.more).toBe(false);
  });

  it("keeps older messages when it is opened again, if they are contiguous", () => {
    const before = state(page(1, 6), { more: true });
    const joined = openedSession(result(page(5, 8)), before);
    expect(ids(joined)).toEqual(["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"]);
    expect(joined.more).toBe(true);
    expect(ids(openedSession(result(page(8, 9)), before))).toEqual(["m8", "m9"]);
  });
});

describe("an agent that was asked by another one", () => {
  const call = (callId: string, parts?: Part[]): Part => ({
    kind: "tool",
    callId,
    name: "ask_agent",
    arguments: {},
    status: "running",
    ...(parts && { parts }),
  });
  const worked = (seq: number, path: number[], index: number, parts: Part[]): Event =>
    anEvent(seq, { kind: "agentWorked", messageId: "r", path, index, parts });

  it("counts for the reply while it works, and for the session once", () => {
    const usage = { inputTokens: 10, outputTokens: 1, cost: 0.5 };
    const more = { inputTokens: 30, outputTokens: 3, cost: 0.75 };
    const now = after(
      state(),
      sent(11, "a"),
      started(12, "r", "a"),
      anEvent(13, { kind: "stepFinished", messageId: "r", index: 0, parts: [call("one")], usage, steps: 1 }),
      anEvent(14, { kind: "agentWorked", messageId: "r", path: [0], index: 0, parts: [], usage: more, steps: 2 }),
    );
    expect(message(now, "r")).toMatchObject({ usage: more, steps: 2 });
    expect(now.session.usage).toEqual(more);
  });
  it("shows the notices of a reply, also while it is written", () => {
    const notices = ["The tools of the MCP server x are missing: it ended."];
    const noticed = (seq: number, words: string[]): Event =>
      anEvent(seq, { kind: "replyNoticed", messageId: "r", notices: words });
    const now = after(state(), sent(11, "a"), started(12, "r", "a"), noticed(13, notices));
    expect(message(now, "r").notices).toEqual(notices);
    expect(message(after(now, noticed(14, [])), "r")).not.toHaveProperty("notices");
  });
  it("has its work under the call that asked it, extended by each event", () => {
    const before = after(
      state(),
      sent(11, "a"),
      started(12, "r", "a"),
      anEvent(13, { kind: "stepFinished", messageId: "r", index: 0, parts: [{ kind: "text", text: "I ask." }, call("one")] }),
    );
    const asking = call("two");
    const now = after(
      before,
      worked(14, [1], 0, [{ kind: "text", text: "So do I." }, asking]),
      worked(15, [1, 1], 0, [{ kind: "text", text: "It is 42." }]),
      worked(16, [1], 2, [{ kind: "text", text: "42." }]),
      worked(17, [9], 0, [{ kind: "text", text: "nobody asked" }]),
    );
    expect(message(now, "r").parts).toEqual([
      { kind: "text", text: "I ask." },
      call("one", [
        { kind: "text", text: "So do I." },
        call("two", [{ kind: "text", text: "It is 42." }]),
        { kind: "text", text: "42." },
      ]),
    ]);
  });
});

describe("how the newest reply stopped", () => {
  const stopping = (status: Message["status"]): OpenSession =>
    after(state(), sent(11, "a"), started(12, "r", "a"), finished(13, "r", "a", { status }));

  it.each(["paused", "interrupted", "failed"] as const)("is kept while the reply can be resumed: %s", (status) => {
    const now = stopping(status);
    expect(now.session.stopped).toBe(status);
    expect(after(now, started(14, "r", "a")).session).not.toHaveProperty("stopped");
  });

  it.each(["complete", "cancelled"] as const)("is absent when the reply ended: %s", (status) => {
    expect(stopping(status).session).not.toHaveProperty("stopped");
  });

  it("is absent while the session is archived, and restored afterwards", () => {
    const before = after(stopping("paused"), anEvent(14, { kind: "paused" }), anEvent(15, { kind: "archived" }));
    expect(before.session.state).toBe("archived");
    expect(before.session).not.toHaveProperty("stopped");
    const now = after(before, anEvent(16, { kind: "unarchived", state: "paused", stopped: "paused" }));
    expect(now.session).toMatchObject({ state: "paused", stopped: "paused" });
  });

  it("is absent when the stopped reply is cancelled", () => {
    const now = after(stopping("interrupted"), finished(14, "r", "a", { status: "cancelled" }));
    expect(now.session).not.toHaveProperty("stopped");
  });

  it("is not changed when a waiting message is cancelled", () => {
    const now = after(stopping("paused"), sent(14, "b"), finished(15, "rb", "b", { status: "cancelled", seq: 15 }));
    expect(now.session.stopped).toBe("paused");
  });
});

describe("a budget", () => {
  it("can be set, reached, and removed", () => {
    const paused = after(
      state(),
      anEvent(11, { kind: "budgetChanged", budget: 0.5 }),
      anEvent(12, { kind: "spent", usage: { inputTokens: 1, outputTokens: 1, cost: 0.5 } }),
      anEvent(13, { kind: "paused", reason: "budget" }),
    );
    expect(paused.session).toMatchObject({ state: "paused", pauseReason: "budget", budget: 0.5, usage: { cost: 0.5 } });
    const resumed = after(paused, anEvent(14, { kind: "budgetChanged" }), anEvent(15, { kind: "resumed" }));
    expect(resumed.session.state).toBe("active");
    expect(resumed.session).not.toHaveProperty("budget");
    expect(resumed.session).not.toHaveProperty("pauseReason");
  });
  it("is not the reason of a pause by a person", () => {
    expect(after(state(), anEvent(11, { kind: "paused" })).session).not.toHaveProperty("pauseReason");
  });
});
