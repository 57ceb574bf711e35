/** Finds certain messages. Pure. */
import type { Message, View } from "../src/panel/messages";
import { textOf } from "../src/format";

/** The newest message that is not waiting. If it is a stopped reply, it can be resumed, whatever waits after it. */
export function newestBegun(messages: readonly Message[]): Message | undefined {
  return messages.findLast((message) => message.status !== "queued");
}

/**
 * What the person here (`me`) wrote last. Where it is not known who that is, whose messages are whose is known only while nobody
 * else has ever taken part; after that, only `sent` is, which was written in this very panel.
 */
export function writtenLast({ session, messages }: View, sent: string | undefined, me?: string): string | undefined {
  const [only, ...others] = session.participants;
  const own = me ?? (others.length > 0 ? undefined : only?.id);
  const message = own === undefined ? undefined : messages.findLast(({ author }) => "id" in author && author.id === own);
  return message === undefined ? sent : textOf(message);
}
