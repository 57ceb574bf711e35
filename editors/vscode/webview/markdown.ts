/** Renders Markdown to HTML in blocks, so that a growing reply redraws only its last block. Pure. `sanitize` must sanitize the result. */
import MarkdownIt, { type Env } from "markdown-it";
import { fileReferences, referenceOf, type Piece } from "../src/fileReferences";
import { highlight } from "./highlight";
import { LINK } from "./links";
import { displayFormula, maths } from "./mathsSyntax";
import { makeVisible } from "./visible";

export interface Block {
  readonly source: string;
  /** The link definitions of the whole text for a block that may use them, as JSON, so that equal ones compare equal. */
  readonly references: string;
  /** Whether the block is code without its end so far. */
  readonly open: boolean;
}

const md = new MarkdownIt({ html: false, linkify: true, breaks: false });

// Images with a `data:` address are not shown, and `sanitize` removes the address.
md.validateLink = (href) => LINK.test(href) || IMAGE.test(href);
const IMAGE = /^data:image\//i;

md.use(maths);
md.renderer.rules["fence"] = (tokens, index, _options, env) => {
  const token = tokens[index];
  if (token === undefined) return "";
  const language = token.info.trim().split(/\s+/)[0] ?? "";
  const growing = env?.["growing"] === true;
  if (language === "math" && !growing) return displayFormula(escapeHtml(`$$\n${token.content}$$`));
  return codeBlock(token.content, language, growing);
};
md.renderer.rules["code_block"] = (tokens, index) => codeBlock(tokens[index]?.content ?? "", "", false);
// Images are not loaded: an image becomes a link.
md.renderer.rules["image"] = (tokens, index) => {
  const token = tokens[index];
  const href = String(token?.attrGet("src") ?? "");
  const label = token?.content === "" || token === undefined ? href : token.content;
  return LINK.test(href) ? `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>` : escapeHtml(token?.content ?? "");
};
// File names look like hosts, because `.py`, `.md` and `.rs` are also country codes. So only link addresses with `https:` or an @.
md.linkify.set({ fuzzyLink: false });
// References to lines become links, in text and in code.
md.core.ruler.before("linkify", "files", ({ tokens, Token }) => {
  for (const block of tokens) {
    if (block.children === null) continue;
    let inLink = 0;
    block.children = block.children.flatMap((token) => {
      if (token.type === "link_open") inLink += 1;
      if (token.type === "link_close") inLink -= 1;
      if (inLink > 0) return [token];
      const pieces =
        token.type === "text" ? fileReferences(token.content) : token.type === "code_inline" ? codePieces(token.content) : [];
      if (!pieces.some(({ href }) => href !== undefined)) return [token];
      return pieces.flatMap(({ text, href }) => {
        const inner = new Token(token.type, token.tag, 0);
        inner.content = text;
        inner.markup = token.markup;
        if (href === undefined) return [inner];
        const open = new Token("link_open", "a", 1);
        open.attrs = [["href", href]];
        return [open, inner, new Token("link_close", "a", -1)];
      });
    });
  }
});

function codePieces(code: string): readonly Piece[] {
  const href = referenceOf(code);
  return href === undefined ? [] : [{ text: code, href }];
}

// `[ ]` and `[x]` at the beginning of a list item become checkboxes.
md.core.ruler.after("inline", "tasks", ({ tokens }) => {
  tokens.forEach((item, index) => {
    const inline = tokens[index + 2];
    const first = inline?.children?.[0];
    const mark = item.type === "list_item_open" && inline?.type === "inline" ? /^\[([ xX])\]\s+/.exec(inline.content) : null;
    if (mark === null || first?.type !== "text") return;
    item.attrJoin("class", mark[1] === " " ? "to-do" : "done");
    first.content = first.content.slice(mark[0].length);
  });
});
md.renderer.rules["list_item_open"] = (tokens, index, options, _env, renderer) => {
  const tag = renderer.renderToken(tokens, index, options);
  const done = tokens[index]?.attrGet("class");
  if (done !== "to-do" && done !== "done") return tag;
  const [icon, label] = done === "done" ? ["pass-filled", "Done:"] : ["circle-large", "To do:"];
  return `${tag}<span class="codicon codicon-${icon}" role="img" aria-label="${label}"></span>`;
};
// Column alignment would need a style attribute, which the page's policy forbids.
for (const cell of ["th_open", "td_open"])
  md.renderer.rules[cell] = (tokens, index, options, _env, renderer) => {
    const token = tokens[index];
    const align = /^text-align:(\w+)$/.exec(String(token?.attrGet("style") ?? ""))?.[1];
    if (token && align !== undefined) token.attrs = [["class", `to-${align}`]];
    return renderer.renderToken(tokens, index, options);
  };
md.renderer.rules["table_open"] = () => '<div class="table" tabindex="0" role="region" aria-label="Table"><table>';
md.renderer.rules["table_close"] = () => "</table></div>";

function escapeHtml(text: string): string {
  return md.utils.escapeHtml(text);
}

function codeBlock(code: string, language: string, growing: boolean): string {
  const text = code.replace(/\n$/, "");
  const body = highlight(text, language.toLowerCase(), growing) ?? escapeHtml(text);
  const diagram = language.toLowerCase() === "mermaid" && !growing ? " diagram" : "";
  return (
    `<div class="code${diagram}"><div class="code-bar"><span class="code-language">${escapeHtml(language)}</span>` +
    '<span role="toolbar" aria-label="Code"><button type="button" class="icon-button" data-act="copy" title="Copy" aria-label="Copy code"><span class="codicon codicon-copy"></span></button>' +
    '<button type="button" tabindex="-1" class="icon-button" data-act="insert" title="Insert at Cursor" aria-label="Insert code at the cursor"><span class="codicon codicon-insert"></span></button></span>' +
    `</div><pre tabindex="0"><code>${body}</code></pre></div>`
  );
}

/** The top-level blocks, in order, without link definitions, which apply to all blocks. */
export function blocks(text: string): Block[] {
  const source = makeVisible(text);
  const lines = source.split("\n");
  const env: Env = {};
  const tokens = md.parse(source, env).filter((token) => token.level === 0 && token.nesting >= 0);
  const references = env.references === undefined ? "" : JSON.stringify(env.references);
  return tokens.flatMap(({ map, type, markup }) => {
    if (!map) return [];
    const blockLines = lines.slice(map[0], map[1]);
    const text = blockLines.join("\n");
    return [
      {
        source: text,
        references: text.includes("[") ? references : "",
        open: type === "fence" && (blockLines.length === 1 || !ends(blockLines.at(-1) ?? "", markup)),
      },
    ];
  });
}

/** Whether a line closes a fence that was opened with these characters. */
function ends(line: string, marks: string): boolean {
  const text = line.trim();
  return text.length >= marks.length && text === marks.charAt(0).repeat(text.length);
}

/** `growing`: more text will arrive. */
export function html({ source, references, open }: Block, growing = false): string {
  const env: Env = { growing: growing && open };
  if (references !== "") env.references = JSON.parse(references) as NonNullable<Env["references"]>;
  return md.render(source, env);
}
