/** Finds certain messages. Pure. */
import type { Message, View } from "../src/panel/messages";
import { textOf } from "../src/format";

/** The newest message that is not waiting. If it is a stopped reply, it can be resumed, whatever waits after it. */
export function newestStarted(messages: readonly Message[]): Message | undefined {
  return messages.findLast((message) => message.status !== "queued");
}

/**
 * The last message of the person here (`me`). If `me` is unknown, the only participant is meant; with several participants, this
 * returns `sent`, the last message sent from this panel.
 */
export function lastWritten({ session, messages }: View, sent: string | undefined, me?: string): string | undefined {
  const [only, ...others] = session.participants;
  const own = me ?? (others.length > 0 ? undefined : only?.id);
  const message = own === undefined ? undefined : messages.findLast(({ author }) => "id" in author && author.id === own);
  return message === undefined ? sent : textOf(message);
}
