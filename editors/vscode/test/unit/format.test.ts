import { describe, expect, it } from "vitest";
import { amountOf, displayTitle, pauseText } from "../../src/format";
import { lines, selectedLines } from "../../webview/displayFormat";
import { aSession } from "./samples";

const range = (line: number, endLine: number, character: number) => ({
  start: { line, character: 0 },
  end: { line: endLine, character },
});

describe("the lines of a range", () => {
  it("are counted from one for a person", () => {
    expect(lines(range(0, 0, 5))).toBe("1");
    expect(lines(range(11, 18, 5))).toBe("12–19");
  });
  it("exclude the last line if the range ends at its start", () => {
    expect(lines(range(0, 2, 0))).toBe("1–2");
    expect(selectedLines(range(0, 2, 0))).toEqual({ line: 0, endLine: 1 });
    expect(selectedLines(range(0, 1, 0))).toEqual({ line: 0, endLine: 0 });
  });
  it("are the line itself if the range is empty", () => {
    expect(lines(range(3, 3, 0))).toBe("4");
    expect(selectedLines(range(3, 3, 0))).toEqual({ line: 3, endLine: 3 });
  });
});

describe("a budget", () => {
  it("is parsed as a person writes it", () => {
    expect(["2.50", " $3 ", "0", "", "much", "-1", "1e9", "NaN"].map(amountOf)).toEqual([
      2.5,
      3,
      0,
      null,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
  it("that is used up says how much was used, and what to do", () => {
    const paused = aSession({ state: "paused", pauseReason: "budget", budget: 0.5 });
    const used = { inputTokens: 1, outputTokens: 1, cost: 0.6 };
    expect(pauseText({ ...paused, usage: used })).toContain("$0.60 of its budget of $0.50");
    expect(pauseText({ ...paused, usage: used, budget: 5 })).toContain("raised since");
    expect(pauseText({ ...paused, usage: used, state: "active" })).toBeUndefined();
    expect(pauseText(aSession({ state: "paused" }))).toBeUndefined();
  });
});

describe("the title of a fork", () => {
  const parent = { sessionId: "a", seq: 3 };
  it("says at its start that it is a fork, because its end may be cut off", () => {
    expect(displayTitle(aSession({ title: "Parser (fork)", parent }))).toBe("Fork: Parser");
  });
  it("is unchanged if the person chose it, or if the session is not a fork", () => {
    expect(displayTitle(aSession({ title: "Another way", parent }))).toBe("Another way");
    expect(displayTitle(aSession({ title: "About git (fork)" }))).toBe("About git (fork)");
  });
});
