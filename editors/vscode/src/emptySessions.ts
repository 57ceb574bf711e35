/**
 * Sessions in which nothing was said yet. The server makes a session before its first message, and a person who closes the panel
 * without one wants none: such a session is no row of the list, and goes with its panel. Pure.
 */
import type { Session } from "./protocol";

/** The title that the server gives to a session until its first message. */
const UNTITLED = "New session";

/** Nobody wrote, renamed or forked anything here. */
export function isEmpty({ messageCount, queued, parent, title, state, budget }: Session): boolean {
  return (
    messageCount === 0 &&
    queued === 0 &&
    parent === undefined &&
    state === "active" &&
    budget === undefined &&
    (title === "" || title === UNTITLED)
  );
}
