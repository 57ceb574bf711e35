/** A range as the wire has it: of VS Code's own, or of anything like it. Pure. */
import type { Range } from "./protocol";

export function wireRange({ start, end }: Range): Range {
  return { start: { line: start.line, character: start.character }, end: { line: end.line, character: end.character } };
}
