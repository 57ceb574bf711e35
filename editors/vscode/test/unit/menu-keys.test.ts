import { describe, expect, it } from "vitest";
import { jumpKey, menuKey, TypedLetters, type Choice } from "../../webview/menuKeys";

const choices: Choice[] = ["code", "Explain", "review", "Research", "test"].map((label) => ({
  key: label,
  label,
  detail: "",
  icon: "",
}));
const none: Choice[] = [];
/** A key after a long pause. */
const jump = (key: string, active: number, among = choices) => jumpKey(key, active, among, new TypedLetters(), 0);
/** Where letters lead that are typed with that many milliseconds between them. */
const type = (letters: string, pause: number, active = 0) => {
  const typed = new TypedLetters();
  return Array.from(letters).reduce((at, letter, index) => jumpKey(letter, at, choices, typed, index * pause) ?? at, active);
};

describe("a key in an open menu", () => {
  it("moves to the next item, and wraps around", () => {
    expect(menuKey("ArrowDown", 4, choices)).toBe(0);
    expect(menuKey("ArrowUp", 0, choices)).toBe(4);
    expect(menuKey("ArrowDown", 0, none)).toBeUndefined();
  });
  it("picks, or closes", () => {
    expect(menuKey("Enter", 1, choices)).toBe("pick");
    expect(menuKey("Escape", 1, choices)).toBe("close");
    expect(menuKey("Enter", 0, none)).toBeUndefined();
  });
  it("with a letter goes to the next label that starts with it", () => {
    expect(jump("r", 0)).toBe(2);
    expect(jump("r", 2)).toBe(3);
    expect(jump("R", 3)).toBe(2);
    expect(jump("e", 4)).toBe(1);
    expect(jump("x", 3)).toBe(3);
  });
  it("continues a word if letters are typed quickly", () => {
    expect(type("rese", 100)).toBe(3);
    expect(type("rev", 100, 3)).toBe(2);
    expect(type("te", 100, 4)).toBe(4);
    expect(type("rx", 100)).toBe(2); // no label begins with these: it stays
  });
  it("starts a new word after a pause", () => {
    expect(type("rc", 2000)).toBe(0);
    expect(type("re", 2000)).toBe(1);
  });
  it("with the same letter again goes to the next label, however quickly", () => {
    expect(type("rr", 100)).toBe(3);
    expect(type("rrr", 100)).toBe(2);
  });
  it("goes to the first or last item with Home or End", () => {
    expect(jump("Home", 3)).toBe(0);
    expect(jump("End", 3)).toBe(4);
  });
  it("is ignored otherwise", () => {
    for (const key of [" ", "Tab", "ArrowDown", "F2", "Shift"]) expect(jump(key, 0)).toBeUndefined();
    expect(jump("r", 0, none)).toBeUndefined();
  });
});
