/** A toolbar is one tab stop; the arrow keys move between its buttons. */

/** The index of the button that a key moves to. */
export function buttonAfter(key: string, at: number, count: number): number | undefined {
  switch (key) {
    case "ArrowRight":
      return (at + 1) % count;
    case "ArrowLeft":
      return (at + count - 1) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

/**
 * For `onKeyDown` of a toolbar, or of an element with several. Its first button must have a `tabIndex` of 0, the others of -1.
 * The last used button becomes the tab stop.
 */
export function walkToolbar(event: KeyboardEvent): void {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  const buttons = [...(button?.closest('[role="toolbar"]')?.querySelectorAll("button") ?? [])];
  const at = buttons.findIndex((one) => one === button);
  const next = at < 0 ? undefined : buttons[buttonAfter(event.key, at, buttons.length) ?? at];
  if (next === undefined || next === button) return;
  event.preventDefault();
  for (const one of buttons) one.tabIndex = one === next ? 0 : -1;
  next.focus();
}
