import { afterEach, describe, expect, it } from "vitest";
import { byAttention, needLines, needOf, nextInNeed, needText, setParticipant } from "../../src/attention";
import type { Participant, Session } from "../../src/protocol";
import { aQuestion, aSession } from "./samples";

const asking = [aQuestion("q")];

describe("what a session needs a person for", () => {
  it.each<[Partial<Session>, string | undefined]>([
    [{}, undefined],
    [{ replying: true }, undefined],
    [{ queued: 2 }, undefined],
    [{ asking, replying: true }, "permission"],
    [{ stopped: "interrupted" }, "interrupted"],
    [{ stopped: "failed" }, "failed"],
    [{ stopped: "paused", state: "paused" }, undefined],
    [{ stopped: "failed", state: "paused" }, undefined],
    [{ stopped: "failed", state: "archived" }, undefined],
    [{ state: "paused", asking }, "permission"],
  ])("%j", (given, need) => {
    expect(needOf(aSession(given))).toBe(need);
  });
});

describe("a session that was handed over", () => {
  const [ada, ben] = ["Ada", "Ben"].map((name) => ({ id: name.toLowerCase(), name })) as [Participant, Participant];
  const need = { kind: "handOver", participant: ben, by: ada, note: "The tests fail.", at: "2026-03-01T00:00:00Z" } as const;
  const handed = aSession({ title: "H", needs: [need] });

  afterEach(() => {
    setParticipant(undefined);
  });

  it("needs only the person it was handed to", () => {
    expect(needOf(handed)).toBeUndefined();
    setParticipant("ada");
    expect(needOf(handed)).toBeUndefined();
    setParticipant("ben");
    expect(needOf(handed)).toBe("handed over");
    expect(needOf({ ...handed, state: "archived" })).toBeUndefined();
    expect(needLines([handed])).toEqual(["H: handed over by Ada: The tests fail."]);
    const mention = { ...need, kind: "mention", note: "@Ben look" } as const;
    expect(needOf(aSession({ needs: [mention] }))).toBe("mentioned");
    expect(needOf(aSession({ needs: [{ ...mention, participant: ada }] }))).toBeUndefined();
    expect(needLines([aSession({ title: "M", needs: [mention] })])).toEqual(["M: Ada mentions you: @Ben look"]);
  });
});

describe("needs that depend on the role", () => {
  afterEach(() => {
    setParticipant(undefined);
  });

  it.each([
    ["owner", "permission", "failed"],
    ["writer", "permission", "failed"],
    ["commenter", undefined, undefined],
    ["reader", undefined, undefined],
  ] as const)("as a %s", (role, asked, failed) => {
    setParticipant("ben");
    const people = [{ id: "ben", role }];
    expect(needOf(aSession({ people, asking }))).toBe(asked);
    expect(needOf(aSession({ people, stopped: "failed" }))).toBe(failed);
  });
});

const old = aSession({ id: "old", updatedAt: "2026-03-01T00:00:00Z" });
const fresh = aSession({ id: "fresh", updatedAt: "2026-03-09T00:00:00Z" });
const failed = aSession({ id: "failed", title: "F", stopped: "failed", updatedAt: "2026-03-02T00:00:00Z" });
const asks = aSession({ id: "asks", title: "A", asking, updatedAt: "2026-03-01T00:00:00Z" });
const sorted = [old, fresh, failed, asks].sort(byAttention);

it("sessions with a question come first, then stopped ones, then the newest", () => {
  expect(sorted.map(({ id }) => id)).toEqual(["asks", "failed", "fresh", "old"]);
});

it("the next session that needs the person is the one after the shown one, wrapping around", () => {
  expect(nextInNeed(sorted, undefined)?.id).toBe("asks");
  expect(nextInNeed(sorted, "fresh")?.id).toBe("asks");
  expect(nextInNeed(sorted, "asks")?.id).toBe("failed");
  expect(nextInNeed(sorted, "failed")?.id).toBe("asks");
  expect(nextInNeed([old], undefined)).toBeUndefined();
});

it("describes how many sessions need the person, and why", () => {
  expect([needText(1), needText(3)]).toEqual(["A session needs you", "3 sessions need you"]);
  expect(needLines(sorted)).toEqual(["A: code asks: Run make", "F: a reply failed"]);
});
