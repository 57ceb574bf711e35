/**
 * Focuses an element at the host's request, but only once the page has the focus: taking it from another part of the window
 * could close a command palette that was opened meanwhile.
 */
export function focusHere(element: HTMLElement | null): void {
  const focus = () => {
    element?.focus({ preventScroll: true });
  };
  if (document.hasFocus()) focus();
  else window.addEventListener("focus", focus, { once: true });
}
