/** What replies change in a session: parts of other agents' work, the sum of the usage, and whether they can be resumed. Pure. */
import type { Message, Part, Session, Usage } from "../protocol";

/** The parts with the work of an agent that the call at `path` asked. */
export function withWork(parts: readonly Part[], path: readonly number[], index: number, work: readonly Part[]): Part[] {
  const [at, ...rest] = path;
  if (at === undefined) return parts.toSpliced(index, work.length, ...work);
  const call = parts[at];
  if (call?.kind !== "tool") return [...parts];
  return parts.with(at, { ...call, parts: withWork(call.parts ?? [], rest, index, work) });
}

/** How a reply stopped that can be resumed. */
export function stoppedAs({ status }: Message): Session["stopped"] {
  return status === "paused" || status === "interrupted" || status === "failed" ? status : undefined;
}

/** The total with the usage of a reply. `counted` is the part of it that the total has already. */
export function addUsage(total: Usage, usage: Usage, counted: Usage | undefined): Usage {
  const sum = (field: keyof Usage): number => (total[field] ?? 0) + (usage[field] ?? 0) - (counted?.[field] ?? 0);
  const known = (field: keyof Usage): boolean => total[field] !== undefined || usage[field] !== undefined;
  return {
    inputTokens: sum("inputTokens"),
    outputTokens: sum("outputTokens"),
    ...(known("cachedTokens") && { cachedTokens: sum("cachedTokens") }),
    ...(known("cost") && { cost: sum("cost") }),
  };
}
