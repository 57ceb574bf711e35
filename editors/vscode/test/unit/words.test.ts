import { describe, expect, it } from "vitest";
import { lines, selected } from "../../webview/words";

const range = (line: number, endLine: number, character: number) => ({
  start: { line, character: 0 },
  end: { line: endLine, character },
});

describe("the lines of a range", () => {
  it("are counted from one for a person", () => {
    expect(lines(range(0, 0, 5))).toBe("1");
    expect(lines(range(11, 18, 5))).toBe("12–19");
  });
  it("leave out the one at whose start the range ends, also where they are selected", () => {
    expect(lines(range(0, 2, 0))).toBe("1–2");
    expect(selected(range(0, 2, 0))).toEqual({ line: 0, endLine: 1 });
    expect(selected(range(0, 1, 0))).toEqual({ line: 0, endLine: 0 });
  });
  it("are the line itself where the range is empty", () => {
    expect(lines(range(3, 3, 0))).toBe("4");
    expect(selected(range(3, 3, 0))).toEqual({ line: 3, endLine: 3 });
  });
});
