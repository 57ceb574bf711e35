/**
 * Limits for diagrams, because Mermaid lays them out in the page itself and cannot be stopped. As measured, diagrams within the
 * limits take less than two seconds. Pure.
 */

/** Characters, statements and edges. */
export const MAX_LENGTH = 6000;
const MAX_STATEMENTS = 150;
export const MAX_EDGES = 150;
/** The limit for charts that exclude days, which are counted one by one for each task. */
const MAX_TASKS = 40;

/** Why a diagram is not drawn; undefined if it is within the limits. */
export function limitExceeded(source: string): string | undefined {
  if (source.length > MAX_LENGTH) return `the diagram has more than ${MAX_LENGTH} characters.`;
  const lines = source.split(/[\n;]/).filter((line) => line.trim() !== "");
  if (lines.length > MAX_STATEMENTS) return `the diagram has more than ${MAX_STATEMENTS} statements.`;
  if (has(lines, /^\s*gantt\b/i)) return chartLimitExceeded(lines);
  if (has(lines, /^\s*(?:block|packet)(?:-beta)?\b/i) && /\d{3,}/.test(source)) return "its numbers are above 99.";
  return undefined;
}

function chartLimitExceeded(lines: readonly string[]): string | undefined {
  if (has(lines, /^\s*tickInterval\s+\d+\s*(?:milli)?second/i)) return "its ticks are seconds.";
  if (!has(lines, /^\s*excludes\b/i)) return undefined;
  const tasks = lines.filter((line) => line.includes(":"));
  const years = tasks.flatMap((line) => Array.from(line.matchAll(/\b\d{4}\b/g), ([year]) => Number(year)));
  const long = has(tasks, /\d{3,}(?:\.\d+)?[dwhM]\b|\d+(?:\.\d+)?y\b|\d{2,}(?:\.\d+)?[wM]\b/);
  return tasks.length > MAX_TASKS || long || Math.max(...years) - Math.min(...years) > 1
    ? "it leaves out days of a long time."
    : undefined;
}

function has(lines: readonly string[], pattern: RegExp): boolean {
  return lines.some((line) => pattern.test(line));
}
