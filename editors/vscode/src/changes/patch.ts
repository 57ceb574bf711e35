/**
 * A unified diff and its two texts. Pure.
 *
 * npm's `diff` is not suitable: `applyPatch` uses the position nearest to a hunk's line numbers, even if the same lines occur
 * several times, and has no limit on comparisons. Here an ambiguous position is refused, and only the hunks are shown.
 */

/** Consecutive lines and their zero-based start. */
interface Section {
  readonly start: number;
  readonly lines: string[];
}

interface Hunk {
  readonly before: Section;
  readonly after: Section;
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
  const createdOrDeleted = /^(--- |\+\+\+ )\/dev\/null$/m.test(patch.slice(0, patch.indexOf("\n@@")));
  if (createdOrDeleted) return { ...changedSections(hunks), whole: true };
  const lines = now === undefined ? [] : linesOf(now.replaceAll("\r\n", "\n"));
  const before = replaceSides(hunks, lines, "after", "before");
  if (before !== undefined) return { before, after: lines.join(""), whole: true };
  // It was undone, or never made.
  const after = replaceSides(hunks, lines, "before", "after");
  return after === undefined ? { ...changedSections(hunks), whole: false } : { before: lines.join(""), after, whole: true };
}

function parse(patch: string): Hunk[] {
  const hunks: Hunk[] = [];
  let last: readonly Section[] = [];
  for (const line of linesOf(patch)) {
    const head = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    const hunk = hunks.at(-1);
    if (head !== null) {
      hunks.push({ before: emptySection(head[1], head[2]), after: emptySection(head[3], head[4]) });
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
function emptySection(line = "1", count = "1"): Section {
  return { start: Number(line) - (count === "0" ? 0 : 1), lines: [] };
}

/** The limit of compared lines for one patch, for texts with very many equal lines. */
const MAX_COMPARISONS = 2_000_000;

/** The text with one side of each hunk replaced by the other; undefined if that side is missing or ambiguous. */
function replaceSides(
  hunks: readonly Hunk[],
  current: readonly string[],
  old: keyof Hunk,
  replacement: keyof Hunk,
): string | undefined {
  const pieces: string[] = [];
  const budget = { lines: MAX_COMPARISONS };
  let from = 0;
  for (const hunk of hunks) {
    const at = find(hunk[old], current, from, budget);
    if (at === undefined) return undefined;
    pieces.push(current.slice(from, at).join(""), hunk[replacement].lines.join(""));
    from = at + hunk[old].lines.length;
  }
  return [...pieces, current.slice(from).join("")].join("");
}

/** At its original position, or else at the only other occurrence. */
function find(
  { start, lines }: Section,
  current: readonly string[],
  from: number,
  budget: { lines: number },
): number | undefined {
  const matches = (at: number): boolean =>
    lines.every((line, index) => {
      budget.lines -= 1;
      return current[at + index] === line;
    });
  if (start >= from && start + lines.length <= current.length && matches(start)) return start;
  if (lines.length === 0) return undefined;
  const positions: number[] = [];
  for (let at = from; at + lines.length <= current.length && positions.length < 2 && budget.lines > 0; at += 1)
    if (matches(at)) positions.push(at);
  if (budget.lines <= 0) return undefined;
  return positions.length === 1 ? positions[0] : undefined;
}

function changedSections(hunks: readonly Hunk[]): { before: string; after: string } {
  const joined = (side: keyof Hunk): string => hunks.map((hunk) => hunk[side].lines.join("")).join("⋯\n");
  return { before: joined("before"), after: joined("after") };
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}
