/**
 * Sessions without messages. The server creates a session before its first message. If a person closes the panel without sending one,
 * the session is deleted, and it is not listed before. Pure.
 */
import type { Session } from "./protocol";

/** The title that the server gives to a session until its first message. */
const UNTITLED = "New session";

/** Whether nobody has written, renamed, forked or handed over anything here. */
export function isEmpty({ messageCount, queued, parent, title, state, budget, needs = [] }: Session): boolean {
  return (
    messageCount === 0 &&
    queued === 0 &&
    parent === undefined &&
    state === "active" &&
    budget === undefined &&
    needs.length === 0 &&
    (title === "" || title === UNTITLED)
  );
}
