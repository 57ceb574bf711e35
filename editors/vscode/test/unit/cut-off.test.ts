import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchCutOff } from "../../webview/cutOff";

let frames: (() => void)[];
let resized: () => void;

beforeEach(() => {
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => frames.push(callback));
  vi.stubGlobal("cancelAnimationFrame", () => {
    frames = [];
  });
  class FakeResizeObserver {
    constructor(callback: () => void) {
      resized = callback;
    }
    observe(): void {
      // The test reports sizes.
    }
    disconnect(): void {
      // Nothing to release.
    }
  }
  vi.stubGlobal("ResizeObserver", FakeResizeObserver);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A question whose text needs 100 pixels, in a box of that height. */
function aQuestion(height: number) {
  const text = { scrollHeight: 100, clientHeight: height, scrollWidth: 10, clientWidth: 10 };
  const use = { hover: false, focus: false };
  const buttons = Object.assign(new EventTarget(), {
    matches: (selector: string) =>
      (use.hover && selector.includes(":hover")) || (use.focus && selector.includes(":focus-within")),
  });
  const changes: boolean[] = [];
  const stop = watchCutOff(text as HTMLElement, buttons as unknown as HTMLElement, (isCutOff) => changes.push(isCutOff));
  const nextFrame = () => {
    for (const frame of frames.splice(0)) frame();
  };
  return {
    changes,
    use,
    stop,
    nextFrame,
    resize: (to: number) => {
      text.clientHeight = to;
      resized();
      nextFrame();
    },
    leave: (type: "pointerleave" | "focusout") => {
      buttons.dispatchEvent(new Event(type));
      nextFrame();
    },
  };
}

describe("whether the text of a question is cut off", () => {
  it("is decided on arrival, and again when the panel becomes smaller or larger", () => {
    const { changes, resize } = aQuestion(100);
    resize(50);
    resize(100);
    expect(changes).toEqual([false, true, false]);
  });

  it("is not decided again while the pointer is over the buttons, but when it has left", () => {
    const { changes, use, resize, leave } = aQuestion(100);
    use.hover = true;
    resize(50);
    expect(changes).toEqual([false]);
    use.hover = false;
    leave("pointerleave");
    expect(changes).toEqual([false, true]);
  });

  it("is not decided again while a button has the focus, also if that moves to another button", () => {
    const { changes, use, resize, leave } = aQuestion(100);
    use.focus = true;
    resize(50);
    leave("focusout");
    expect(changes).toEqual([false]);
    use.focus = false;
    leave("focusout");
    expect(changes).toEqual([false, true]);
  });

  it("is not decided after the question has gone", () => {
    const { changes, stop, nextFrame } = aQuestion(100);
    resized();
    stop();
    nextFrame();
    expect(changes).toEqual([false]);
  });
});
