/** Updates the relative times of the page, with one timer for all. */
import { UPDATE_INTERVAL } from "../src/relativeTime";

const updates = new Map<Element, () => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Calls `update` from time to time while the element is in sight. Returns a function that stops this. */
export function watchTime(element: Element, update: () => void): () => void {
  updates.set(element, update);
  timer ??= setInterval(() => {
    // Thousands of times out of sight would all change in the same moment. They are updated soon after they come into sight.
    for (const [shown, update] of updates) if (shown.checkVisibility({ contentVisibilityAuto: true })) update();
  }, UPDATE_INTERVAL);
  return () => {
    updates.delete(element);
    if (updates.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
