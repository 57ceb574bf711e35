import { expect, it } from "vitest";
import { countsByFile, pairsOf, sumOf, revertedText, type FileChange } from "../../src/changes/fileChanges";
import type { Part } from "../../src/protocol";

const file = (uri: string, given: Partial<FileChange> = {}): FileChange => ({
  uri,
  kind: "edited",
  state: "applied",
  added: 1,
  removed: 1,
  hunks: [],
  messageIds: [],
  ...given,
});

it("files with remaining changes are compared: edited, created and deleted ones", () => {
  const files = [
    file("a", { before: "old" }),
    file("b", { kind: "created" }),
    file("c", { kind: "deleted", before: "gone" }),
    file("d", { state: "reverted", before: "x" }),
    file("e", { state: "partly", before: "y" }),
  ];
  expect(pairsOf(files)).toEqual([
    { uri: "a", before: "old", exists: true },
    { uri: "b", exists: true },
    { uri: "c", before: "gone", exists: false },
    { uri: "e", before: "y", exists: true },
  ]);
});

it("a revert is reported with its notices", () => {
  expect(revertedText(["file:///w/my%20a.py"])).toBe("Reverted the changes by agents in my a.py.");
  expect(revertedText(["a", "b"], ["b is not saved."])).toBe("Reverted the changes by agents in 2 files. b is not saved.");
});

it("changed lines are counted by file, including those of asked agents, without edits that were not made", () => {
  const edit = (uri: string, applied = true): Part => ({
    kind: "edit",
    uri,
    summary: "Edit",
    applied,
    patch: "--- a\n+++ b\n@@ -1 +1,2 @@\n-a\n+b\n+c\n",
  });
  const asked: Part = { kind: "tool", callId: "c", name: "ask_agent", arguments: {}, status: "done", parts: [edit("b")] };
  const counts = countsByFile([edit("a"), asked, edit("a"), edit("z", false)]);
  expect([...counts]).toEqual([
    ["a", { added: 4, removed: 2 }],
    ["b", { added: 2, removed: 1 }],
  ]);
  expect(sumOf(counts.values())).toEqual({ added: 6, removed: 3 });
});
