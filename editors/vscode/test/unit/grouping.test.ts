import { describe, expect, it } from "vitest";
import { groupsOf, type Grouping } from "../../src/grouping";
import type { Session } from "../../src/protocol";
import { treeOf } from "../../src/sessionTree";
import { aQuestion, aSession } from "./samples";

const NONE: ReadonlySet<string> = new Set();
const NOW = new Date(2026, 2, 20, 10).getTime();
const daysAgo = (days: number): string => new Date(NOW - days * 86_400_000).toISOString();

function grouped(sessions: readonly Session[], grouping: Grouping, pinned = NONE): unknown {
  const groups = groupsOf(treeOf(sessions, "", true), grouping, pinned, NOW);
  return groups && Object.fromEntries(groups.map(({ label, nodes }) => [label, nodes.map(({ session }) => session.id)]));
}

describe("the groups of the list of sessions", () => {
  const today = aSession({ id: "today", updatedAt: daysAgo(0.1) });
  const yesterday = aSession({ id: "yesterday", updatedAt: daysAgo(1) });
  const week = aSession({ id: "week", updatedAt: daysAgo(5) });
  const month = aSession({ id: "month", updatedAt: daysAgo(20) });
  const older = aSession({ id: "older", updatedAt: daysAgo(400) });
  const all = [older, week, today, month, yesterday];

  it("are days, the newest first", () => {
    expect(grouped(all, "date")).toEqual({
      Today: ["today"],
      Yesterday: ["yesterday"],
      "Last 7 Days": ["week"],
      "Last 30 Days": ["month"],
      Older: ["older"],
    });
  });

  it("are states", () => {
    const sessions = [
      aSession({ id: "replying", replying: true }),
      aSession({ id: "waiting", queued: 1 }),
      aSession({ id: "paused", state: "paused" }),
      aSession({ id: "archived", state: "archived" }),
      today,
    ];
    expect(grouped(sessions, "state")).toEqual({
      Running: ["replying", "waiting"],
      Paused: ["paused"],
      Idle: ["today"],
      Archived: ["archived"],
    });
  });

  it("start with those that need the person, and pinned sessions", () => {
    const asks = aSession({ id: "asks", updatedAt: daysAgo(400), replying: true, asking: [aQuestion("q")] });
    const failed = aSession({ id: "failed", updatedAt: daysAgo(3), stopped: "failed" });
    const expected = { "Needs You": ["asks", "failed"], Pinned: ["older"] };
    const sessions = [today, failed, asks, older];
    for (const grouping of ["date", "state"] as const) {
      const groups = grouped(sessions, grouping, new Set(["older"]));
      expect(groups).toMatchObject(expected);
      expect(Object.keys(groups as object).slice(0, 2)).toEqual(Object.keys(expected));
    }
  });

  it("show a pinned session that needs the person among the others that do, however the list is grouped", () => {
    const asks = aSession({ id: "asks", asking: [aQuestion("q")], replying: true, updatedAt: daysAgo(3) });
    for (const grouping of ["date", "state", "none"] as const)
      expect(grouped([asks, older], grouping, new Set(["asks", "older"]))).toEqual({ "Needs You": ["asks"], Pinned: ["older"] });
  });

  it("include forks: a session is grouped by the newest of itself and its forks", () => {
    const fork = aSession({ id: "fork", updatedAt: daysAgo(0.1), parent: { sessionId: "older", seq: 3 } });
    expect(grouped([older, fork, week], "date")).toEqual({ Today: ["older"], "Last 7 Days": ["week"] });
    const asks = { ...fork, asking: [aQuestion("q")] };
    expect(grouped([older, asks, week], "state")).toEqual({ "Needs You": ["older"], Idle: ["week"] });
  });

  it("are omitted if there would be only one, unless it has the pinned sessions", () => {
    expect(grouped([today, aSession({ id: "b", updatedAt: daysAgo(0.2) })], "date")).toBeUndefined();
    expect(grouped([today], "date", new Set(["today"]))).toEqual({ Pinned: ["today"] });
    expect(grouped(all, "none")).toBeUndefined();
    expect(grouped([today, older], "none", new Set(["older"]))).toEqual({ Pinned: ["older"], Sessions: ["today"] });
  });

  it("contain every session once, whatever its date", () => {
    const odd = [aSession({ id: "ahead", updatedAt: daysAgo(-2) }), ...all];
    for (const grouping of ["date", "state", "none"] as const) {
      const groups = groupsOf(treeOf(odd, ""), grouping, new Set(["week"]), NOW) ?? [];
      expect(groups.flatMap(({ nodes }) => nodes.map(({ session }) => session.id)).sort()).toEqual(
        odd.map(({ id }) => id).sort(),
      );
    }
  });
});
