/**
 * What keeps its place while a person reads. The browser's own scroll anchoring does nothing at the very start of a list, where
 * older messages come in, so it is switched off and done here.
 */

/** A message in sight, and where its upper edge stands, in pixels below that of the list. */
export interface Anchor {
  readonly id: string;
  readonly top: number;
}

/** The first message of which something can be seen. */
export function anchorIn(list: HTMLElement): Anchor | undefined {
  const messages = list.getElementsByClassName("message");
  const edge = list.getBoundingClientRect().top;
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.getBoundingClientRect().bottom ?? 0) <= edge) low = middle + 1;
    else high = middle;
  }
  const first = messages[low];
  const id = first instanceof HTMLElement ? first.dataset["id"] : undefined;
  return first === undefined || id === undefined ? undefined : { id, top: first.getBoundingClientRect().top - edge };
}

/** How far the list has to scroll, in pixels, to have the message in its middle, or its beginning in sight where it is longer. */
export function toMiddle(list: HTMLElement, message: HTMLElement): number {
  const [around, own] = [list.getBoundingClientRect(), message.getBoundingClientRect()];
  return own.top - around.top - Math.max(0, (around.height - own.height) / 2);
}

/** How far the message has moved since, in pixels downwards. */
export function moved(list: HTMLElement, { id, top }: Anchor): number {
  const message = list.querySelector(`.message[data-id="${CSS.escape(id)}"]`);
  return message === null ? 0 : message.getBoundingClientRect().top - list.getBoundingClientRect().top - top;
}
