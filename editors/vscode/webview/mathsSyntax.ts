/**
 * Finds formulas in a text: `$…$` and `\(…\)` inline, `$$…$$` and `\[…\]` as blocks, and code blocks of the language
 * `math`. Their source is shown until `drawing.ts` has drawn them. Pure.
 */
import type MarkdownIt from "markdown-it";

/** The limits of inline formulas and of blocks, in characters and lines. */
const MAX_INLINE_LENGTH = 1000;
const MAX_BLOCK_LENGTH = 5000;
const MAX_LINES = 80;
const SPACE = /\s/;
const WORD = /\w/;
/** Signs that `\(…\)` is a formula, and not escaped brackets in a sentence. */
const LIKELY = /[\\^_=+<>{}*/]|^\s*[\w,. -]{1,3}\s*$/;

/**
 * The position after the `$` or `$$` that ends a formula starting at `from`, or -1. The next `$` must be the end: `$5 and $10` are
 * amounts, `$A/$B` variables.
 */
function dollarsEnd(text: string, from: number, mark: string): number {
  if (SPACE.test(text.charAt(from) || " ")) return -1;
  const last = Math.min(text.length, from + MAX_INLINE_LENGTH);
  for (let at = from; at < last; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") return -1;
    else if (text[at] === "$") {
      const after = text.charAt(at + mark.length);
      const ends =
        at > from && text.startsWith(mark, at) && !SPACE.test(text.charAt(at - 1)) && !WORD.test(after) && after !== "$";
      return ends ? at + mark.length : -1;
    }
  }
  return -1;
}

/** The formula between its marks. */
export function formulaOf(source: string): string {
  return source.replace(/^\s*(?:\$\$?|\\[([])/, "").replace(/(?:\$\$?|\\[)\]])\s*$/, "");
}

/** The HTML of a block formula that is not drawn yet. `source` is already escaped, and includes its marks. */
export function displayFormula(source: string): string {
  return `<div class="maths display" tabindex="0" role="group" aria-label="Formula">${source}</div>\n`;
}

export function maths(md: InstanceType<typeof MarkdownIt>): void {
  md.inline.ruler.before("escape", "maths", (state, silent) => {
    const { src, pos } = state;
    const add = (end: number): boolean => {
      if (!silent) state.push("maths", "", 0).content = src.slice(pos, end);
      state.pos = end;
      return true;
    };
    if (src[pos] === "$") {
      if (pos > 0 && /[\w$\\]/.test(src.charAt(pos - 1))) return false;
      const mark = src[pos + 1] === "$" ? "$$" : "$";
      const end = dollarsEnd(src, pos + mark.length, mark);
      return end >= 0 && add(end);
    }
    if (!src.startsWith("\\(", pos)) return false;
    const close = src.slice(pos + 2, pos + 2 + MAX_INLINE_LENGTH).indexOf("\\)");
    const content = src.slice(pos + 2, pos + 2 + Math.max(0, close));
    return close > 0 && content.trim() !== "" && LIKELY.test(content) && add(pos + close + 4);
  });

  md.block.ruler.before(
    "fence",
    "maths",
    (state, startLine, endLine, silent) => {
      const lineAt = (line: number): string =>
        state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
      if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
      const first = lineAt(startLine).trimEnd();
      const [open, close] = first.startsWith("$$") ? ["$$", "$$"] : /^\\\[(\s|$)/.test(first) ? ["\\[", "\\]"] : ["", ""];
      if (open === "") return false;
      const lines: string[] = [];
      let length = 0;
      for (let line = startLine; line < Math.min(endLine, startLine + MAX_LINES) && length <= MAX_BLOCK_LENGTH; line += 1) {
        // A less indented line ends the list or quotation around the formula.
        if (line > startLine && (state.sCount[line] ?? 0) < state.blkIndent && lineAt(line).trim() !== "") return false;
        const text = (line === startLine ? first.slice(open.length) : lineAt(line)).trimEnd();
        if (text.endsWith(close)) {
          lines.push(text.slice(0, -close.length));
          const content = lines.join("\n").trim();
          if (content === "" || content.includes(close)) return false;
          if (silent) return true;
          const token = state.push("maths_block", "", 0);
          token.content = `${open}${lines.join("\n")}${close}`;
          token.map = [startLine, line + 1];
          token.block = true;
          state.line = line + 1;
          return true;
        }
        lines.push(text);
        length += text.length + 1;
      }
      return false;
    },
    { alt: ["paragraph", "blockquote", "list"] },
  );

  const { escapeHtml } = md.utils;
  md.renderer.rules["maths"] = (tokens, index) => `<span class="maths">${escapeHtml(tokens[index]?.content ?? "")}</span>`;
  md.renderer.rules["maths_block"] = (tokens, index) => displayFormula(escapeHtml(tokens[index]?.content ?? ""));
}
