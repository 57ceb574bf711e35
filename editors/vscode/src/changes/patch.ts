/**
 * A unified diff and its two texts. Pure.
 *
 * npm's `diff` is not suitable: `applyPatch` uses the position nearest to a hunk's line numbers, even if the same lines occur
 * several times, and has no limit on comparisons. Here an ambiguous position is refused, and only the hunks are shown.
 */

/** Consecutive lines and their zero-based start. */
interface Stretch {
  readonly start: number;
  readonly lines: string[];
}

interface Hunk {
  readonly before: Stretch;
  readonly after: Stretch;
}

export interface Sides {
  readonly before: string;
  readonly after: string;
  /** Whether both texts are the whole document. If not, they are only the changed sections with the lines around them. */
  readonly whole: boolean;
}

/**
 * The document before and after the change. The present text `now` provides the unchanged lines, if it contains the changed
 * lines of either side.
 */
export function sidesOf(patch: string, now: string | undefined): Sides {
  const hunks = parse(patch);
  const cameOrWent = /^(--- |\+\+\+ )\/dev\/null$/m.test(patch.slice(0, patch.indexOf("\n@@")));
  if (cameOrWent) return { ...stretches(hunks), whole: true };
  const lines = now === undefined ? [] : linesOf(now.replaceAll("\r\n", "\n"));
  const before = exchanged(hunks, lines, "after", "before");
  if (before !== undefined) return { before, after: lines.join(""), whole: true };
  // It was undone, or never made.
  const after = exchanged(hunks, lines, "before", "after");
  return after === undefined ? { ...stretches(hunks), whole: false } : { before: lines.join(""), after, whole: true };
}

function parse(patch: string): Hunk[] {
  const hunks: Hunk[] = [];
  let last: readonly Stretch[] = [];
  for (const line of linesOf(patch)) {
    const head = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    const hunk = hunks.at(-1);
    if (head !== null) {
      hunks.push({ before: begun(head[1], head[2]), after: begun(head[3], head[4]) });
    } else if (hunk !== undefined && line.startsWith("\\")) {
      for (const { lines } of last) lines.push(lines.pop()?.replace(/\n$/, "") ?? "");
    } else if (hunk !== undefined) {
      last = line.startsWith("-") ? [hunk.before] : line.startsWith("+") ? [hunk.after] : [hunk.before, hunk.after];
      for (const { lines } of last) lines.push(line.slice(1));
    }
  }
  return hunks;
}

/** In a unified diff, an empty section starts at the line before it. */
function begun(line = "1", count = "1"): Stretch {
  return { start: Number(line) - (count === "0" ? 0 : 1), lines: [] };
}

/** The limit of compared lines for one patch, for texts with very many equal lines. */
const COMPARED = 2_000_000;

/** The text with one side of each hunk replaced by the other; undefined if that side is missing or ambiguous. */
function exchanged(hunks: readonly Hunk[], now: readonly string[], old: keyof Hunk, made: keyof Hunk): string | undefined {
  const pieces: string[] = [];
  const left = { lines: COMPARED };
  let from = 0;
  for (const hunk of hunks) {
    const at = find(hunk[old], now, from, left);
    if (at === undefined) return undefined;
    pieces.push(now.slice(from, at).join(""), hunk[made].lines.join(""));
    from = at + hunk[old].lines.length;
  }
  return [...pieces, now.slice(from).join("")].join("");
}

/** At its original position, or else at the only other occurrence. */
function find({ start, lines }: Stretch, now: readonly string[], from: number, left: { lines: number }): number | undefined {
  const is = (at: number): boolean =>
    lines.every((line, index) => {
      left.lines -= 1;
      return now[at + index] === line;
    });
  if (start >= from && start + lines.length <= now.length && is(start)) return start;
  if (lines.length === 0) return undefined;
  const places: number[] = [];
  for (let at = from; at + lines.length <= now.length && places.length < 2 && left.lines > 0; at += 1)
    if (is(at)) places.push(at);
  if (left.lines <= 0) return undefined;
  return places.length === 1 ? places[0] : undefined;
}

function stretches(hunks: readonly Hunk[]): { before: string; after: string } {
  const joined = (side: keyof Hunk): string => hunks.map((hunk) => hunk[side].lines.join("")).join("⋯\n");
  return { before: joined("before"), after: joined("after") };
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}
