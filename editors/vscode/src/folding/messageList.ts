/** The messages of an open session while one event is folded: those with a place, oldest first, then the waiting ones. Pure. */
import type { Message, Part } from "../protocol";

export class MessageList {
  private readonly messages: Message[];
  private readonly touched = new Set<string>();
  /** Whether messages were reordered, or added before the end. */
  moved = false;

  constructor(messages: readonly Message[]) {
    this.messages = [...messages];
  }

  get all(): readonly Message[] {
    return this.messages;
  }

  /** The ids of the changed and the new messages. */
  get changed(): readonly string[] {
    return [...this.touched];
  }

  /** The index of the first waiting message. */
  get firstWaiting(): number {
    return this.messages.findLastIndex((message) => message.status !== "queued") + 1;
  }

  /** -1 if the message is not loaded here. */
  indexOf(id: string): number {
    return this.messages.findLastIndex((message) => message.id === id);
  }

  /** Changes a message, if it is loaded here. */
  update(id: string, change: (message: Message) => Message): void {
    const at = this.indexOf(id);
    const message = this.messages[at];
    if (message === undefined) return;
    this.messages[at] = change(message);
    this.touched.add(id);
  }

  appendPart(id: string, part: Part): void {
    this.update(id, (message) => ({ ...message, parts: [...message.parts, part] }));
  }

  insert(at: number, message: Message): void {
    if (at < this.messages.length) this.moved = true;
    this.messages.splice(at, 0, message);
    this.touched.add(message.id);
  }

  remove(id: string): Message | undefined {
    const at = this.indexOf(id);
    return at < 0 ? undefined : this.messages.splice(at, 1)[0];
  }

  /** Replaces the waiting messages by the same ones in another order. */
  reorderWaiting(waiting: readonly Message[]): void {
    this.moved = true;
    this.messages.splice(this.firstWaiting, waiting.length, ...waiting);
  }

  /** Takes a message from the waiting ones, and puts it at the end of the others, as one that is being answered. */
  startAnswering(at: number): void {
    const end = this.firstWaiting;
    const [message] = this.messages.splice(at, 1);
    if (message !== undefined) this.messages.splice(end, 0, { ...message, status: "replying" });
    if (at !== end) this.moved = true;
  }
}
