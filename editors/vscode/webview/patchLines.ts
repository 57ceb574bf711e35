/** Splits a unified diff into lines with their kinds. Pure. */

export interface PatchLine {
  readonly kind: "added" | "removed" | "head" | "same";
  readonly text: string;
}

export function isPatch(text: string): boolean {
  return /^--- .*\n\+\+\+ /m.test(text) && /^@@ -\d/m.test(text);
}

/**
 * The lines with their signs. The file names before the first `@@` also begin with such signs, unless the text begins `inside` a
 * hunk.
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
