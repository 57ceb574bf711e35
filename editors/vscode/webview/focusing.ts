/**
 * Focuses an element because the host says so: as soon as the page has the focus, and never away from another part of the window
 * (a page that comes late would close the palette that was opened meanwhile).
 */
export function focusHere(element: HTMLElement | null): void {
  const focus = () => {
    element?.focus({ preventScroll: true });
  };
  if (document.hasFocus()) focus();
  else window.addEventListener("focus", focus, { once: true });
}
