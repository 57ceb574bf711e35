/** A unified diff, line by line, to be coloured. Pure. */

export interface PatchLine {
  readonly kind: "added" | "removed" | "head" | "same";
  readonly text: string;
}

export function isPatch(text: string): boolean {
  return /^--- .*\n\+\+\+ /m.test(text) && /^@@ -\d/m.test(text);
}

/**
 * Its lines with their marks. Before the first `@@` stand the names of the files, which begin with the marks of lines too, unless
 * it begins `inside` a hunk.
 */
export function patchLines(patch: string, inside = false): readonly PatchLine[] {
  return patch.split("\n").map((text) => {
    if (text.startsWith("@@")) {
      inside = true;
      return { kind: "head", text };
    }
    if (!inside) return { kind: "head", text };
    return { kind: text.startsWith("+") ? "added" : text.startsWith("-") ? "removed" : "same", text };
  });
}
