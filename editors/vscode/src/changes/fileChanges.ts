/** Converts the result of `change/list` for display. Pure. */
import { decodePart } from "../format";
import type { Part, Requests } from "../protocol";
import { countsOf, type LineCounts } from "../toolLine";

export type FileChange = Requests["change/list"]["result"]["files"][number];

/** A file to compare. `before` is absent if the file did not exist; `exists`: whether it exists now. */
export interface Pair {
  readonly uri: string;
  readonly before?: string;
  readonly exists: boolean;
}

/** The files in which changes of agents are still present. */
export function pairsOf(files: readonly FileChange[]): readonly Pair[] {
  return files
    .filter(({ state }) => state !== "reverted")
    .map(({ uri, kind, before }) => ({ uri, exists: kind !== "deleted", ...(before !== undefined && { before }) }));
}

export function revertedText(uris: readonly string[], notices: readonly string[] = []): string {
  const [first] = uris;
  const what = uris.length === 1 && first !== undefined ? nameOf(first) : `${uris.length} files`;
  return [`Reverted the changes by agents in ${what}.`, ...notices].join(" ");
}

/** The lines that the edits among these parts changed, by file, to show until the server has returned their state. */
export function countsByFile(parts: readonly Part[]): ReadonlyMap<string, LineCounts> {
  const counts = new Map<string, LineCounts>();
  for (const part of parts) {
    if (part.kind === "tool") {
      for (const [uri, more] of countsByFile(part.parts ?? [])) add(counts, uri, more);
    } else if (part.kind === "edit" && part.applied) {
      add(counts, part.uri, part.patch === undefined ? { added: 0, removed: 0 } : countsOf(part.patch));
    }
  }
  return counts;
}

export function sumOf(all: Iterable<LineCounts>): LineCounts {
  let sum: LineCounts = { added: 0, removed: 0 };
  for (const { added, removed } of all) sum = { added: sum.added + added, removed: sum.removed + removed };
  return sum;
}

function add(counts: Map<string, LineCounts>, uri: string, more: LineCounts): void {
  counts.set(uri, sumOf([counts.get(uri) ?? { added: 0, removed: 0 }, more]));
}

function nameOf(uri: string): string {
  return decodePart(uri.slice(uri.lastIndexOf("/") + 1));
}
