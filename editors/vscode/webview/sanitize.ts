/** Sanitizes HTML for the page: keeps the output of Markdown, without scripts, resources and unsafe links. */
import DOMPurify from "dompurify";
import { LINK } from "./links";

export function sanitize(html: string): string {
  return DOMPurify.sanitize(html, {
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
    ALLOWED_ATTR: ["href", "title", "class", "start", "type", "tabindex", "role", "aria-label", "data-act"],
    ALLOWED_URI_REGEXP: LINK,
    ALLOW_DATA_ATTR: false,
  });
}
