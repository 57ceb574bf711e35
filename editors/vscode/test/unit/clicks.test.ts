import { expect, it, vi } from "vitest";
import { onSingleClick } from "../../webview/clicks";

it("the second click of a double click presses no button that has come under the pointer", () => {
  const allowFirst = vi.fn();
  const allowSecond = vi.fn();
  onSingleClick(allowFirst)({ detail: 1 } as MouseEvent);
  onSingleClick(allowSecond)({ detail: 2 } as MouseEvent);
  expect(allowFirst).toHaveBeenCalledOnce();
  expect(allowSecond).not.toHaveBeenCalled();
});

it("a key presses a button", () => {
  const press = vi.fn();
  onSingleClick(press)({ detail: 0 } as MouseEvent);
  expect(press).toHaveBeenCalledOnce();
});
