import { afterEach, describe, expect, it, vi } from "vitest";
import { focusHere } from "../../webview/focusHere";

/** A page, with or without the focus, and an element that counts how often it was given it. */
function page(focused: boolean) {
  const here = new EventTarget();
  vi.stubGlobal("window", here);
  vi.stubGlobal("document", { hasFocus: () => focused });
  const focus = vi.fn();
  return { element: { focus } as unknown as HTMLElement, focus, arrives: () => here.dispatchEvent(new Event("focus")) };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a focus request of the host", () => {
  it("is followed immediately if the page has the focus", () => {
    const { element, focus, arrives } = page(true);
    focusHere(element);
    expect(focus).toHaveBeenCalledOnce();
    arrives();
    expect(focus).toHaveBeenCalledOnce();
  });
  it("waits, once, until the page gets the focus", () => {
    const { element, focus, arrives } = page(false);
    focusHere(element);
    expect(focus).not.toHaveBeenCalled();
    arrives();
    arrives();
    expect(focus).toHaveBeenCalledOnce();
  });
});
