import { describe, expect, it } from "vitest";
import { cut, named, wanted } from "../../webview/composing";

describe("what is completed at the caret", () => {
  it("is an agent after @ at the start of the message", () => {
    expect(wanted("@rev", 4)).toEqual({ kind: "agent", query: "rev", start: 0, end: 4 });
    expect(wanted("  @", 3)).toEqual({ kind: "agent", query: "", start: 2, end: 3 });
  });
  it("is nothing after @ further on: an address is no agent", () => {
    expect(wanted("write to ada@exa", 16)).toBeUndefined();
    expect(wanted("ask @rev", 8)).toBeUndefined();
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
