/** A toolbar is one stop of the Tab key; the arrow keys go from one of its buttons to the next. */

/** The number of the button that a key leads to, in a row of so many. */
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
 * For `onKeyDown` of a toolbar, or of what holds some. The first of its buttons is to have a `tabIndex` of 0, the others of -1;
 * the one that was last used is the stop from then on.
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
