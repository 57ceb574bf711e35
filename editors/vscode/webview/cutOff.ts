/**
 * Watches whether the text of a question is cut off, which decides the order of its buttons. The answer changes with the size of the
 * panel, but never while a person uses the buttons: a button that moves under the pointer could be pressed by accident.
 */

/** Calls `onChange` at once, and after each change. Returns a function that stops this. */
export function watchCutOff(text: HTMLElement, buttons: HTMLElement, onChange: (isCutOff: boolean) => void): () => void {
  let frame = 0;
  const update = (): void => {
    frame = 0;
    if (!buttons.matches(":hover, :focus-within")) onChange(isCutOff(text));
  };
  // In the next frame, when the pointer or the focus has arrived where it goes, perhaps at another button.
  const schedule = (): void => {
    if (frame === 0) frame = requestAnimationFrame(update);
  };
  onChange(isCutOff(text));
  const observer = new ResizeObserver(schedule);
  observer.observe(text);
  buttons.addEventListener("pointerleave", schedule);
  buttons.addEventListener("focusout", schedule);
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    buttons.removeEventListener("pointerleave", schedule);
    buttons.removeEventListener("focusout", schedule);
  };
}

function isCutOff({ scrollHeight, clientHeight, scrollWidth, clientWidth }: HTMLElement): boolean {
  return scrollHeight > clientHeight + 1 || scrollWidth > clientWidth + 1;
}
