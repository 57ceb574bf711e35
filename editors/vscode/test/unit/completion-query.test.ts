import { describe, expect, it } from "vitest";
import type { Completion } from "../../src/panel/messages";
import { removeRange, completionList, noMatches, completionAt } from "../../webview/completionQuery";
import { parseAgent } from "../../src/agentName";

describe("the completion at the caret", () => {
  it("is an agent after @ at the start of the message", () => {
    expect(completionAt("@rev", 4)).toEqual({ kind: "agent", query: "rev", start: 0, end: 4 });
    expect(completionAt("  @", 3)).toEqual({ kind: "agent", query: "", start: 2, end: 3 });
  });
  it("is a person after @ at the start of another word, and nothing within a word", () => {
    expect(completionAt("write to ada@exa", 16)).toBeUndefined();
    expect(completionAt("ask @rev", 8)).toEqual({ kind: "person", query: "rev", start: 4, end: 8 });
  });
  it("is context after # at the start of a word", () => {
    expect(completionAt("see #read.py", 12)).toEqual({ kind: "context", query: "read.py", start: 4, end: 12 });
    expect(completionAt("C#", 2)).toBeUndefined();
  });
  it("depends only on the text before the caret", () => {
    expect(completionAt("#one two", 4)).toEqual({ kind: "context", query: "one", start: 0, end: 4 });
    expect(completionAt("#one two", 8)).toBeUndefined();
  });
});

describe("the matches for a word", () => {
  const item = (label: string): Completion => {
    const chip = { key: label, icon: "file", label, title: label, context: { kind: "file", uri: `file:///${label}` } as const };
    return { label, detail: "", icon: "file", chip };
  };
  const asked = (query: string, start = 0) => ({ kind: "context", query, start, end: start + 1 + query.length }) as const;
  const found = { query: "re", start: 0, items: [item("read.py")] };

  it("are offered", () => {
    expect(completionList(found, asked("re"))).toEqual({ items: found.items, pending: false });
  });
  it("stay visible and pending while the word grows", () => {
    expect(completionList(found, asked("rea"))).toEqual({ items: found.items, pending: true });
  });
  it("are not offered for another word", () => {
    expect(completionList(found, asked("re", 12))).toEqual({ items: [], pending: true });
    expect(completionList(noMatches, asked(""))).toEqual({ items: [], pending: true });
  });
  it("are always the same empty list if no context is completed", () => {
    expect(completionList(found, { kind: "agent", query: "re", start: 0, end: 3 })).toEqual({ items: [], pending: false });
    expect(completionList(found, undefined).items).toBe(completionList(found, undefined).items);
  });
});

describe("an agent named at the start", () => {
  it("is removed from the text", () => {
    expect(parseAgent("@review is this right?", ["code", "review"])).toEqual({ agent: "review", text: "is this right?" });
  });
  it("stays in the text if there is no such agent", () => {
    expect(parseAgent("@dataclass needs a field", ["review"])).toEqual({ text: "@dataclass needs a field" });
  });
  it("may be followed by a line break", () => {
    expect(parseAgent("@review\nlook", ["review"])).toEqual({ agent: "review", text: "look" });
  });
});

describe("removing a completion from the text", () => {
  it("leaves no double space", () => {
    expect(removeRange("see #a now", 4, 6)).toBe("see now");
  });
  it("leaves the rest unchanged", () => {
    expect(removeRange("see #a", 4, 6)).toBe("see ");
    expect(removeRange("#a, then", 0, 2)).toBe(", then");
  });
});
