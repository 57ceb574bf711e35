import { describe, expect, it } from "vitest";
import { descriptionOf, treeOf, type Node } from "../../src/sessionTree";
import { aQuestion, aSession } from "./samples";

const outline = (nodes: readonly Node[]): unknown =>
  nodes.map((node) => (node.forks.length === 0 ? node.session.id : [node.session.id, outline(node.forks)]));

describe("the tree of sessions", () => {
  const parent = aSession({ id: "a", title: "Parser" });
  const fork = aSession({ id: "b", title: "Parser, another way", parent: { sessionId: "a", seq: 3 } });
  const forkOfFork = aSession({ id: "c", title: "Lexer", parent: { sessionId: "b", seq: 5 }, agent: "review" });

  it("shows forks under their parent, at any depth", () => {
    expect(outline(treeOf([forkOfFork, fork, parent], ""))).toEqual([["a", [["b", ["c"]]]]]);
  });

  it("shows a fork by itself where its parent is not shown", () => {
    expect(outline(treeOf([forkOfFork, fork], ""))).toEqual([["b", ["c"]]]);
  });

  it("keeps the order that it is given", () => {
    expect(outline(treeOf([aSession({ id: "2" }), aSession({ id: "1" })], ""))).toEqual(["2", "1"]);
  });

  it("puts first what asks for permission, with the session that it was forked from", () => {
    const asking = [aQuestion("q")];
    expect(outline(treeOf([aSession({ id: "x" }), aSession({ id: "y", asking })], ""))).toEqual(["y", "x"]);
    expect(outline(treeOf([aSession({ id: "x" }), { ...forkOfFork, asking }, fork, parent], ""))).toEqual([
      ["a", [["b", ["c"]]]],
      "x",
    ]);
  });

  it("puts a session where its newest fork belongs", () => {
    const old = { ...parent, updatedAt: "2025-01-01T12:00:00Z" };
    const between = aSession({ id: "x", updatedAt: "2025-06-01T12:00:00Z" });
    expect(outline(treeOf([fork, between, old], ""))).toEqual([["a", ["b"]], "x"]);
  });

  it("puts what stopped before what is newer, and says what it needs somebody for", () => {
    const failed = aSession({ id: "y", stopped: "failed" });
    expect(outline(treeOf([aSession({ id: "x" }), failed], ""))).toEqual(["y", "x"]);
    expect(descriptionOf(failed, Date.parse(failed.updatedAt))).toBe("needs you: failed · code · now");
  });

  it("leaves archived sessions out, unless they are asked for", () => {
    const archived = aSession({ id: "b", state: "archived", parent: { sessionId: "a", seq: 3 } });
    expect(outline(treeOf([archived, parent], ""))).toEqual(["a"]);
    expect(outline(treeOf([archived, parent], "", true))).toEqual([["a", ["b"]]]);
  });

  it("filters by all words, of the title or the agent", () => {
    expect(outline(treeOf([forkOfFork, fork, parent], "PARSER way"))).toEqual(["b"]);
    expect(outline(treeOf([forkOfFork, fork, parent], "review"))).toEqual(["c"]);
    expect(treeOf([parent], "elephant")).toEqual([]);
  });
});

describe("what stands behind a title", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");

  it("says who of those that took part has it open now", () => {
    const people = ["Ada", "Ben", "Cleo", "Dan", "Eve"].map((name) => ({ id: name, name }));
    const of = (...present: readonly string[]): string =>
      descriptionOf(
        aSession({
          participants: people,
          ...(present.length > 0 && { present: people.filter((one) => present.includes(one.name)) }),
          updatedAt: "2026-03-01T11:15:00Z",
        }),
        now,
      );
    expect(of()).toBe("code · 5 participants · 45 min");
    expect(of("Ada", "Ben")).toBe("code · open: Ada, Ben · 45 min");
    expect(of("Ada", "Ben", "Cleo", "Dan", "Eve")).toBe("code · open: Ada, Ben, Cleo, 2 more · 45 min");
  });

  it("is the state where there is something to say, the agent and the age", () => {
    const updatedAt = "2026-03-01T11:15:00Z";
    expect(descriptionOf(aSession({ updatedAt }), now)).toBe("code · 45 min");
    expect(descriptionOf(aSession({ updatedAt, replying: true }), now)).toBe("replying · code · 45 min");
    expect(descriptionOf(aSession({ updatedAt, replying: true, asking: [aQuestion("q")] }), now)).toBe(
      "needs you: permission · code · 45 min",
    );
    expect(descriptionOf(aSession({ updatedAt, state: "paused", replying: true }), now)).toBe("paused · code · 45 min");
    expect(descriptionOf(aSession({ updatedAt, queued: 2 }), now)).toBe("2 waiting · code · 45 min");
    expect(descriptionOf(aSession({ updatedAt, stopped: "interrupted" }), now)).toBe("needs you: interrupted · code · 45 min");
    expect(descriptionOf(aSession({ updatedAt, stopped: "failed", queued: 1 }), now)).toBe("needs you: failed · code · 45 min");
    expect(descriptionOf(aSession({ updatedAt, stopped: "interrupted", state: "archived" }), now)).toBe(
      "archived · code · 45 min",
    );
  });

  it("counts participants where there is more than one", () => {
    const participants = [
      { id: "1", name: "Ada" },
      { id: "2", name: "Bob" },
    ];
    expect(descriptionOf(aSession({ updatedAt: "2026-03-01T12:00:00Z", participants }), now)).toBe("code · 2 participants · now");
  });
});
