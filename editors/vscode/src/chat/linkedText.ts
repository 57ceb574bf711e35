/**
 * Makes a line of a file, such as `orders.py:14`, a link in Markdown that arrives in pieces and cannot be changed once it is
 * shown. A word that may become a link is held back until its end is known. Code blocks and existing links are not changed. Pure.
 */
import { fileReferences, referenceOf } from "../fileReferences";
import { plain } from "./chatFormat";

/** The command that a link runs. It opens documents, and nothing else. */
export const OPEN_LINK = "session.openLink";

/** Inline code, links, and addresses. */
const UNCHANGED = /(`+)[\s\S]*?[^`]\1(?!`)|!?\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|<[^>\s]+>|\bhttps?:\S+/g;
/** The most characters that are held back. */
const MAX_LENGTH = 500;

export class LinkedText {
  private done = 0;
  private lineStart = 0;
  /** The opening fence of the current code block; undefined outside of one. */
  private fence: string | undefined;

  /** Returns the new text that can be shown. `text`: all of the text so far; `ended`: whether it is complete. */
  next(text: string, ended: boolean): string {
    let out = "";
    while (this.done < text.length) {
      const end = text.indexOf("\n", this.lineStart) + 1 || text.length;
      const whole = ended || text[end - 1] === "\n";
      const line = text.slice(this.lineStart, end);
      const rest = text.slice(this.done, end);
      const raw = this.fence !== undefined || isCode(line);
      const length = raw || whole ? rest.length : safeLength(rest);
      if (!whole && this.done === this.lineStart && /^ {0,3}[`~]{0,2}$/.test(line)) break; // a code block may start here
      out += raw ? rest : withReferences(rest.slice(0, length));
      this.done += length;
      if (text[end - 1] !== "\n") break;
      this.updateFence(line);
      this.lineStart = end;
    }
    return out;
  }

  private updateFence(line: string): void {
    const [, marks, info] = FENCE.exec(line) ?? [];
    if (marks === undefined) return;
    if (this.fence === undefined) this.fence = marks;
    else if (marks.startsWith(this.fence) && info?.trim() === "") this.fence = undefined;
  }
}

const FENCE = /^\s*(`{3,}|~{3,})(.*)/;

/** Whether the whole line is code, or opens or closes a code block. */
function isCode(line: string): boolean {
  return FENCE.test(line) || /^(?: {4}|\t)(?!\s*(?:[-*+]|\d+[.)])\s)/.test(line);
}

/** How many characters of an incomplete line can be shown without splitting a word, inline code or a link. */
function safeLength(rest: string): number {
  if (rest.length > MAX_LENGTH) return rest.length;
  for (let at = rest.length; at > 0; at -= 1) {
    if (/[\w./\\:@%~+\-`[\]()<]/.test(rest.charAt(at - 1))) continue;
    const before = rest.slice(0, at).replace(UNCHANGED, "");
    if (!/[`[<]/.test(before)) return at;
  }
  return 0;
}

function withReferences(text: string): string {
  let out = "";
  let from = 0;
  for (const kept of text.matchAll(UNCHANGED)) {
    out += linkText(text.slice(from, kept.index)) + linkCode(kept[0]);
    from = kept.index + kept[0].length;
  }
  return out + linkText(text.slice(from));
}

function linkText(text: string): string {
  return fileReferences(text)
    .map(({ text: piece, href }) => (href === undefined ? piece : link(plain(piece), href)))
    .join("");
}

function linkCode(text: string): string {
  const code = /^(`+)(.*)\1$/s.exec(text)?.[2];
  const href = code === undefined ? undefined : referenceOf(code);
  return href === undefined ? text : link(text, href);
}

function link(label: string, href: string): string {
  const args = encodeURIComponent(JSON.stringify([href])).replace(/[()]/g, (one) => (one === "(" ? "%28" : "%29"));
  return `[${label}](command:${OPEN_LINK}?${args})`;
}
