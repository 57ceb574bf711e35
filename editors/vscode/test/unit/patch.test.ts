import { describe, expect, it } from "vitest";
import { sidesOf } from "../../src/changes/patch";

const PATCH = "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n+2½\n three\n@@ -9,2 +10,2 @@\n nine\n-ten\n+10\n";
const AFTER = "one\n2\n2½\nthree\n4\n5\n6\n7\n8\nnine\n10\n";
const BEFORE = "one\ntwo\nthree\n4\n5\n6\n7\n8\nnine\nten\n";

describe("the sides of a change", () => {
  it("are the whole document if it contains the change", () => {
    expect(sidesOf(PATCH, AFTER)).toEqual({ before: BEFORE, after: AFTER, whole: true });
  });

  it("are the whole document if lines were added above, or it has other line ends", () => {
    const { before, after, whole } = sidesOf(PATCH, `new\r\n${AFTER.replaceAll("\n", "\r\n")}`);
    expect({ before, after, whole }).toEqual({ before: `new\n${BEFORE}`, after: `new\n${AFTER}`, whole: true });
  });

  it("are the whole document if the change was undone or never made", () => {
    expect(sidesOf(PATCH, BEFORE)).toEqual({ before: BEFORE, after: AFTER, whole: true });
  });

  it("are only the changed sections if the document differs or does not exist", () => {
    const stretches = { before: "one\ntwo\nthree\n⋯\nnine\nten\n", after: "one\n2\n2½\nthree\n⋯\nnine\n10\n", whole: false };
    expect(sidesOf(PATCH, AFTER.replace("2½", "two and a half"))).toEqual(stretches);
    expect(sidesOf(PATCH, undefined)).toEqual(stretches);
  });

  it("are only the changed sections if the position is ambiguous", () => {
    const patch = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n";
    expect(sidesOf(patch, "a\ny\ny\n").whole).toBe(false);
    expect(sidesOf(patch, "a\ny\n")).toEqual({ before: "a\nx\n", after: "a\ny\n", whole: true });
  });

  it("handle a last line without a line end", () => {
    const patch = "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n";
    expect(sidesOf(patch, "a\nc")).toEqual({ before: "a\nb", after: "a\nc", whole: true });
    const kept = "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n\\ No newline at end of file\n";
    expect(sidesOf(kept, "b\nc")).toEqual({ before: "a\nc", after: "b\nc", whole: true });
  });

  it("handle created and deleted files, whatever exists now", () => {
    const came = "--- /dev/null\n+++ b/a\n@@ -0,0 +1,2 @@\n+a\n+--- /dev/null\n";
    expect(sidesOf(came, "other\n")).toEqual({ before: "", after: "a\n--- /dev/null\n", whole: true });
    expect(sidesOf("--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", undefined)).toEqual({ before: "a\n", after: "", whole: true });
  });

  it("handle lines added and removed at the edges", () => {
    const patch = "--- a/a\n+++ b/a\n@@ -0,0 +1 @@\n+first\n";
    expect(sidesOf(patch, "first\n")).toEqual({ before: "", after: "first\n", whole: true });
  });

  it("are found in long documents, with a limit for documents of equal lines", () => {
    const long = Array.from({ length: 300_000 }, (_, line) => `${line}\n`).join("");
    expect(sidesOf("--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-old\n+0\n", long)).toEqual({
      before: `old\n${long.slice(2)}`,
      after: long,
      whole: true,
    });
    const hunk = (at: number): string => `@@ -${at},20000 +${at},20001 @@\n${" a\n".repeat(20_000)}-b\n`;
    const patch = `--- a/a\n+++ b/a\n${[1, 2, 3].map(hunk).join("")}`;
    expect(sidesOf(patch, "a\n".repeat(300_000)).whole).toBe(false);
  });
});
