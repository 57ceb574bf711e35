import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { UPDATE_INTERVAL } from "../../src/relativeTime";
import { watchTime } from "../../webview/timeUpdates";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** An element that the browser draws, or leaves out because it is out of sight. */
const anElement = (visible: boolean) => ({ checkVisibility: () => visible }) as unknown as Element;

it("times in sight are updated until they are gone, the others are not", () => {
  const [seen, unseen] = [vi.fn(), vi.fn()];
  const stops = [watchTime(anElement(true), seen), watchTime(anElement(false), unseen)];
  vi.advanceTimersByTime(2 * UPDATE_INTERVAL);
  expect([seen.mock.calls.length, unseen.mock.calls.length]).toEqual([2, 0]);
  for (const stop of stops) stop();
  vi.advanceTimersByTime(UPDATE_INTERVAL);
  expect(seen).toHaveBeenCalledTimes(2);
  expect(vi.getTimerCount()).toBe(0);
});
