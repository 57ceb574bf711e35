import { describe, expect, it } from "vitest";
import type { Completion } from "../../src/panel/messages";
import { cut, fitting, named, nothingFound, wanted } from "../../webview/composing";

describe("what is completed at the caret", () => {
  it("is an agent after @ at the start of the message", () => {
    expect(wanted("@rev", 4)).toEqual({ kind: "agent", query: "rev", start: 0, end: 4 });
    expect(wanted("  @", 3)).toEqual({ kind: "agent", query: "", start: 2, end: 3 });
  });
  it("is a person after @ at the start of another word, and nothing within a word", () => {
    expect(wanted("write to ada@exa", 16)).toBeUndefined();
    expect(wanted("ask @rev", 8)).toEqual({ kind: "person", query: "rev", start: 4, end: 8 });
  });
  it("is context after # at the start of a word", () => {
    expect(wanted("see #read.py", 12)).toEqual({ kind: "context", query: "read.py", start: 4, end: 12 });
    expect(wanted("C#", 2)).toBeUndefined();
  });
  it("looks at what stands before the caret only", () => {
    expect(wanted("#one two", 4)).toEqual({ kind: "context", query: "one", start: 0, end: 4 });
    expect(wanted("#one two", 8)).toBeUndefined();
  });
});

describe("what was found for a word", () => {
  const item = (label: string): Completion => {
    const chip = { key: label, icon: "file", label, title: label, context: { kind: "file", uri: `file:///${label}` } as const };
    return { label, detail: "", icon: "file", chip };
  };
  const asked = (query: string, start = 0) => ({ kind: "context", query, start, end: start + 1 + query.length }) as const;
  const found = { query: "re", start: 0, items: [item("read.py")] };

  it("is there to choose from", () => {
    expect(fitting(found, asked("re"))).toEqual({ items: found.items, pending: false });
  });
  it("stays in sight while the word grows, and the answer to that is waited for", () => {
    expect(fitting(found, asked("rea"))).toEqual({ items: found.items, pending: true });
  });
  it("is not there for another word", () => {
    expect(fitting(found, asked("re", 12))).toEqual({ items: [], pending: true });
    expect(fitting(nothingFound, asked(""))).toEqual({ items: [], pending: true });
  });
  it("is nothing where an agent is asked for, or nothing at all, and always the same nothing", () => {
    expect(fitting(found, { kind: "agent", query: "re", start: 0, end: 3 })).toEqual({ items: [], pending: false });
    expect(fitting(found, undefined).items).toBe(fitting(found, undefined).items);
  });
});

describe("an agent named at the start", () => {
  it("is taken out of the text", () => {
    expect(named("@review is this right?", ["code", "review"])).toEqual({ agent: "review", text: "is this right?" });
  });
  it("stays where there is no such agent", () => {
    expect(named("@dataclass needs a field", ["review"])).toEqual({ text: "@dataclass needs a field" });
  });
  it("may be followed by a line break", () => {
    expect(named("@review\nlook", ["review"])).toEqual({ agent: "review", text: "look" });
  });
});

describe("a choice leaves the text", () => {
  it("without a gap of two spaces", () => {
    expect(cut("see #a now", 4, 6)).toBe("see now");
  });
  it("as it was elsewhere", () => {
    expect(cut("see #a", 4, 6)).toBe("see ");
    expect(cut("#a, then", 0, 2)).toBe(", then");
  });
});
