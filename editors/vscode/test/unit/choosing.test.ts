import { describe, expect, it } from "vitest";
import { jumpKey, menuKey, type Choice } from "../../webview/choosing";

const choices: Choice[] = ["code", "Explain", "review", "Research", "test"].map((label) => ({
  key: label,
  label,
  detail: "",
  icon: "",
}));
const none: Choice[] = [];

describe("a key in an open menu", () => {
  it("goes to the neighbour, and around at the ends", () => {
    expect(menuKey("ArrowDown", 4, choices)).toBe(0);
    expect(menuKey("ArrowUp", 0, choices)).toBe(4);
    expect(menuKey("ArrowDown", 0, none)).toBeUndefined();
  });
  it("picks, or closes", () => {
    expect(menuKey("Enter", 1, choices)).toBe("pick");
    expect(menuKey("Escape", 1, choices)).toBe("close");
    expect(menuKey("Enter", 0, none)).toBeUndefined();
  });
  it("of a letter goes to the next label that begins with it", () => {
    expect(jumpKey("r", 0, choices)).toBe(2);
    expect(jumpKey("r", 2, choices)).toBe(3);
    expect(jumpKey("R", 3, choices)).toBe(2);
    expect(jumpKey("e", 4, choices)).toBe(1);
    expect(jumpKey("x", 3, choices)).toBe(3);
  });
  it("goes to either end", () => {
    expect(jumpKey("Home", 3, choices)).toBe(0);
    expect(jumpKey("End", 3, choices)).toBe(4);
  });
  it("is left to others where it is none of these", () => {
    for (const key of [" ", "Tab", "ArrowDown", "F2", "Shift"]) expect(jumpKey(key, 0, choices)).toBeUndefined();
    expect(jumpKey("r", 0, none)).toBeUndefined();
  });
});
