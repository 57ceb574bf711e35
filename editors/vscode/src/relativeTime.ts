/** Texts for how long ago a time was: the same in lists, tooltips, pickers and the page. Pure. */

/** How often a shown time is updated, in milliseconds. */
export const UPDATE_INTERVAL = 30_000;

const STEPS: readonly (readonly [number, string])[] = [
  [365 * 86400, "y"],
  [30 * 86400, "mo"],
  [7 * 86400, "w"],
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

/** In a few characters: `5 min`. `at` is RFC 3339, `now` is in milliseconds. */
export function age(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  for (const [length, unit] of STEPS) if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  return "now";
}

/** In a sentence: `5 min ago`. */
export function ago(at: string, now: number): string {
  const short = age(at, now);
  return short === "now" ? "just now" : `${short} ago`;
}
