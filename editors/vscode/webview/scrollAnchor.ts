/**
 * Scroll anchoring: keeps the visible messages at their position. The browser's own does not work at the very start of a list,
 * where older messages are added, so it is disabled.
 */

/** A visible message, and the position of its upper edge in pixels below that of the list. */
export interface Anchor {
  readonly id: string;
  readonly top: number;
}

/** The first visible message. */
export function anchorIn(list: HTMLElement): Anchor | undefined {
  const edge = list.getBoundingClientRect().top;
  // First its group: the browser would have to lay out a group out of sight to tell where its messages are.
  const group = firstBelow(list.getElementsByClassName("message-group"), edge);
  const first = group && firstBelow(group.getElementsByClassName("message"), edge);
  const id = first instanceof HTMLElement ? first.dataset["id"] : undefined;
  return first === undefined || id === undefined ? undefined : { id, top: first.getBoundingClientRect().top - edge };
}

/** The first of these elements, which are below each other, that ends below the edge. */
function firstBelow(elements: HTMLCollectionOf<Element>, edge: number): Element | undefined {
  let [low, high] = [0, elements.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((elements[middle]?.getBoundingClientRect().bottom ?? 0) <= edge) low = middle + 1;
    else high = middle;
  }
  return elements[low];
}

/** The scroll distance in pixels to center the message, or to show its beginning if it is longer than the list. */
export function toMiddle(list: HTMLElement, message: HTMLElement): number {
  const [around, own] = [list.getBoundingClientRect(), message.getBoundingClientRect()];
  return own.top - around.top - Math.max(0, (around.height - own.height) / 2);
}

/** How far the message has moved down since, in pixels. */
export function distanceMoved(list: HTMLElement, { id, top }: Anchor): number {
  const message = list.querySelector(`.message[data-id="${CSS.escape(id)}"]`);
  return message === null ? 0 : message.getBoundingClientRect().top - list.getBoundingClientRect().top - top;
}
