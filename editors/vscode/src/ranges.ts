/** Converts a VS Code range, or a similar object, to a range of the protocol. Pure. */
import type { Range } from "./protocol";

export function wireRange({ start, end }: Range): Range {
  return { start: { line: start.line, character: start.character }, end: { line: end.line, character: end.character } };
}
