/**
 * Divides the messages of a long session into groups of neighbours. A change draws only its group again, and the browser leaves out
 * whole groups that are out of sight. The groups stay the same when messages are added at either end. Pure.
 */
import type { Message } from "../src/panel/messages";

/** The number of messages in a full group. */
export const GROUP_SIZE = 20;

export interface MessageGroup {
  /** The id of its first message. */
  readonly key: string;
  /** The same array as before if nothing in it has changed. */
  readonly messages: readonly Message[];
}

export class MessageGroups {
  private groups: readonly MessageGroup[] = [];

  /** The groups of these messages, as similar as possible to those of the last call. */
  divide(messages: readonly Message[]): readonly MessageGroup[] {
    const before = new Map(this.groups.map((group) => [group.key, group]));
    const divided: Message[][] = [];
    for (const message of messages) {
      const current = divided.at(-1);
      // Older messages before the first known group get groups of their own.
      if (current === undefined || current.length >= GROUP_SIZE || before.has(message.id)) divided.push([message]);
      else current.push(message);
    }
    this.groups = divided.map((now) => {
      const key = now[0]?.id ?? "";
      const old = before.get(key);
      return old !== undefined && isSame(old.messages, now) ? old : { key, messages: now };
    });
    return this.groups;
  }
}

function isSame(some: readonly Message[], others: readonly Message[]): boolean {
  return some.length === others.length && some.every((message, index) => message === others[index]);
}
