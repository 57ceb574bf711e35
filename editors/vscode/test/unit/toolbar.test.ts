import { describe, expect, it } from "vitest";
import { buttonAfter } from "../../webview/toolbar";

describe("the arrow keys in a toolbar", () => {
  it("go from one button to the next, and around", () => {
    expect(buttonAfter("ArrowRight", 0, 4)).toBe(1);
    expect(buttonAfter("ArrowRight", 3, 4)).toBe(0);
    expect(buttonAfter("ArrowLeft", 0, 4)).toBe(3);
    expect(buttonAfter("Home", 2, 4)).toBe(0);
    expect(buttonAfter("End", 0, 4)).toBe(3);
  });
  it("are the only ones that do", () => {
    expect(buttonAfter("ArrowDown", 0, 4)).toBeUndefined();
    expect(buttonAfter("Tab", 0, 4)).toBeUndefined();
  });
});
