/** Which of the messages is meant. Pure. */
import type { Message, View } from "../src/panel/messages";
import { textOf } from "../src/format";

/** The newest that does not wait: where it is a reply that stopped, that can be gone on with, whatever waits behind it. */
export function newestBegun(messages: readonly Message[]): Message | undefined {
  return messages.findLast((message) => message.status !== "queued");
}

/**
 * What the person here wrote last. Whose messages are whose is known while nobody else has ever taken part; after that, only
 * `sent` is, which was written in this very panel.
 */
export function writtenLast({ session, messages }: View, sent: string | undefined): string | undefined {
  const [own, ...others] = session.participants;
  if (own === undefined || others.length > 0) return sent;
  const message = messages.findLast(({ author }) => "id" in author && author.id === own.id);
  return message === undefined ? sent : textOf(message);
}
