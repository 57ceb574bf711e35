/** Where text names a line of a file, as `orders.py:14` or pytest's `tests/test_orders.py:14: AssertionError` do. Pure. */

/** A piece of a text; `href` where it leads to a file. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

/**
 * A path whose last name has an ending, and a line behind it. Without the line nothing tells a file from a name such as Node.js.
 * What stands before it must not belong to it: neither an address of the web nor another path.
 */
const REFERENCE =
  /(?<![\w/\\.:@%~+-])(?:[A-Za-z]:[\\/]|\.{0,2}[\\/])?(?:@?[\w.+-]+[\\/])*[\w+-][\w.+-]*\.([A-Za-z]\w{0,9}):[1-9]\d{0,6}(?::\d{1,5})?(?![\w/@])/g;
/** Above this many characters a text is not searched: it would be felt while scrolling. */
const LONGEST = 200_000;
/** `example.com:8080` is a host with its port. */
const DOMAINS = new Set(["com", "org", "net", "edu", "gov", "io", "dev", "app", "local", "internal", "localhost"]);

/** The text in pieces, in order. */
export function fileReferences(text: string): readonly Piece[] {
  if (text.length > LONGEST) return [{ text }];
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

/** The address that a piece of code leads to which is nothing but a line of a file. */
export function referenceOf(code: string): string | undefined {
  const [piece, ...rest] = fileReferences(code.trim());
  return rest.length === 0 ? piece?.href : undefined;
}
