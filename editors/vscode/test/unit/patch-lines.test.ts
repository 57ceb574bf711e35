import { describe, expect, it } from "vitest";
import { isPatch, patchLines } from "../../webview/patchLines";

const PATCH =
  "--- a/read.py\n+++ b/read.py\n@@ -1,2 +1,2 @@\n def read():\n-    return 1\n+    return 2\n--- not a head\n+++ nor this";

describe("the lines of a diff", () => {
  it("have kinds by their signs, and the file names are part of the head", () => {
    expect(patchLines(PATCH).map(({ kind }) => kind)).toEqual([
      "head",
      "head",
      "head",
      "same",
      "removed",
      "added",
      "removed",
      "added",
    ]);
    expect(
      patchLines(PATCH)
        .map(({ text }) => text)
        .join("\n"),
    ).toBe(PATCH);
  });

  it("have kinds inside a hunk without a head, too", () => {
    expect(patchLines("-one\n+two\n same", true).map(({ kind }) => kind)).toEqual(["removed", "added", "same"]);
  });

  it.each(["", "rm -rf build", "--- a\n+++ b", "@@ -1 +1 @@", "echo '--- a'"])("%j is not a diff", (text) => {
    expect(isPatch(text)).toBe(false);
  });

  it("are recognised as a diff", () => {
    expect(isPatch(PATCH)).toBe(true);
  });
});
