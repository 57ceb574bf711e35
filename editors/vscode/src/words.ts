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

/** Code as a block of Markdown, whatever marks are in it. */
export function fenced(code: string, language: string): string {
  const longest = Math.max(2, ...Array.from(code.matchAll(/`+/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${/^[\w+#-]*$/.test(language) ? language : ""}\n${code.replace(/\n$/, "")}\n${fence}`;
}

/** The end of a document's name, which says the language to who colours code: empty where there is none. */
export function extensionOf(path: string): string {
  return /\.(\w+)$/.exec(path)?.[1] ?? "";
}
