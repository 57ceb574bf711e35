/** Markdown to safe HTML, in pieces, so that a reply that grows redraws only its last piece. */
import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import { highlighted } from "./highlight";

const md = new MarkdownIt({ html: false, linkify: true, breaks: false });

md.renderer.rules["fence"] = (tokens, index) => {
  const token = tokens[index];
  return token ? codeBlock(token.content, token.info.trim().split(/\s+/)[0] ?? "") : "";
};
md.renderer.rules["code_block"] = (tokens, index) => codeBlock(tokens[index]?.content ?? "", "");
// Nothing is loaded from anywhere: an image becomes a link to it.
md.renderer.rules["image"] = (tokens, index) => {
  const token = tokens[index];
  const href = String(token?.attrGet("src") ?? "");
  return `<a href="${escaped(href)}">${escaped(token?.content === "" || token === undefined ? href : token.content)}</a>`;
};
md.renderer.rules["table_open"] = () => '<div class="table" tabindex="0"><table>';
md.renderer.rules["table_close"] = () => "</table></div>";

function escaped(text: string): string {
  return md.utils.escapeHtml(text);
}

function codeBlock(code: string, language: string): string {
  const text = code.replace(/\n$/, "");
  const body = highlighted(text, language.toLowerCase()) ?? escaped(text);
  return (
    `<div class="code"><div class="code-bar"><span class="code-language">${escaped(language)}</span>` +
    '<button type="button" class="icon-button" data-act="copy" title="Copy" aria-label="Copy code"><span class="codicon codicon-copy"></span></button>' +
    '<button type="button" class="icon-button" data-act="insert" title="Insert at Cursor" aria-label="Insert code at the cursor"><span class="codicon codicon-insert"></span></button>' +
    `</div><pre tabindex="0"><code>${body}</code></pre></div>`
  );
}

/** The source of each top-level block, in order; their texts join to the whole but for empty lines between them. */
export function blocks(source: string): string[] {
  const lines = source.split("\n");
  const found: string[] = [];
  for (const token of md.parse(source, {})) {
    if (token.level === 0 && token.nesting >= 0 && token.map) found.push(lines.slice(token.map[0], token.map[1]).join("\n"));
  }
  // Link definitions belong to no block; every block gets them, so that its links still lead somewhere.
  const definitions = lines.filter((line) => /^ {0,3}\[[^\]]+\]:\s/.test(line)).join("\n");
  return definitions === "" ? found : found.map((block) => `${block}\n\n${definitions}`);
}

export function html(source: string): string {
  return DOMPurify.sanitize(md.render(source), {
    ALLOWED_TAGS: [
      "p",
      "br",
      "hr",
      "h1",
      "h2",
      "h3",
      "h4",
      "h5",
      "h6",
      "ul",
      "ol",
      "li",
      "blockquote",
      "strong",
      "em",
      "s",
      "code",
      "pre",
      "a",
      "div",
      "span",
      "button",
      "table",
      "thead",
      "tbody",
      "tr",
      "th",
      "td",
    ],
    ALLOWED_ATTR: ["href", "title", "class", "start", "type", "tabindex", "aria-label", "data-act"],
    ALLOW_DATA_ATTR: false,
  });
}
