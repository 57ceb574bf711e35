/** Finds references to lines of files in text, such as `orders.py:14` or pytest's `tests/test_orders.py:14: AssertionError`. Pure. */

/** A piece of a text, with `href` if it refers to a file. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

/**
 * A path with an extension, followed by a line number. Without the number, names such as Node.js would match.
 * It must not be a part of a web address or of another path.
 */
const REFERENCE =
  /(?<![\w/\\.:@%~+-])(?:[A-Za-z]:[\\/]|\.{0,2}[\\/])?(?:@?[\w.+-]+[\\/])*[\w+-][\w.+-]*\.([A-Za-z]\w{0,9}):[1-9]\d{0,6}(?::\d{1,5})?(?![\w/@])/g;
/** The limit in characters: searching longer texts would make scrolling slow. */
const MAX_LENGTH = 200_000;
/** `example.com:8080` is a host with its port. */
const DOMAINS = new Set(["com", "org", "net", "edu", "gov", "io", "dev", "app", "local", "internal", "localhost"]);

/** Splits the text into pieces. */
export function fileReferences(text: string): readonly Piece[] {
  if (text.length > MAX_LENGTH) return [{ text }];
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(REFERENCE)) {
    if (DOMAINS.has(found[1]?.toLowerCase() ?? "")) continue;
    if (found.index > from) pieces.push({ text: text.slice(from, found.index) });
    pieces.push({ text: found[0], href: encodeURI(found[0]) });
    from = found.index + found[0].length;
  }
  if (from < text.length || pieces.length === 0) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** The link for code that is nothing but a reference to a line. */
export function referenceOf(code: string): string | undefined {
  const [piece, ...rest] = fileReferences(code.trim());
  return rest.length === 0 ? piece?.href : undefined;
}
