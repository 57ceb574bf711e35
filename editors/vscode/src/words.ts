/** What the wire carries, as a person reads it. Pure. */
import type { Message } from "./protocol";

/** What a message says: its text without its reasoning, tools, findings and edits. */
export function textOf(message: Message): string {
  return message.parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("\n\n");
}

/** A piece of an address without its escapes; as it is where they are none. */
export function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}
