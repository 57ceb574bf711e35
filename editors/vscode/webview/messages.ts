/** Which of the messages is meant. Pure. */
import type { Message } from "../src/panel/messages";

/** The newest that does not wait: where it is a reply that stopped, that can be gone on with, whatever waits behind it. */
export function newestBegun(messages: readonly Message[]): Message | undefined {
  return messages.findLast((message) => message.status !== "queued");
}
