import { expect, it } from "vitest";
import type { Context } from "../../src/protocol";
import { freshContext, editableMessage } from "../../src/editableMessage";
import { aMessage } from "./samples";

const range = { start: { line: 1, character: 0 }, end: { line: 2, character: 0 } };
const added = { version: 3, dirty: true, sha256: "x", language: "python", notice: "cut", text: "as it was" };
const uri = "file:///a.py";

it.each<[Context, Context]>([
  [
    { kind: "selection", uri, range, ...added },
    { kind: "selection", uri, range },
  ],
  [
    { kind: "file", uri, ...added },
    { kind: "file", uri },
  ],
  [
    { kind: "symbol", uri, name: "read", range, ...added },
    { kind: "symbol", uri, name: "read", range },
  ],
  [
    { kind: "diagnostics", uri, diagnostics: [{ message: "m" }], lines: [] },
    { kind: "diagnostics", uri, diagnostics: [{ message: "m" }] },
  ],
  [
    { kind: "diff", base: "main", staged: true, text: "+x" },
    { kind: "diff", base: "main", staged: true },
  ],
  [
    { kind: "image", uri, sha256: "x", mimeType: "image/png", size: 3, width: 1, height: 1 },
    { kind: "image", uri },
  ],
  [
    { kind: "image", title: "Pasted image", sha256: "x", mimeType: "image/png", size: 3, width: 1, height: 1 },
    { kind: "image", title: "Pasted image", sha256: "x" },
  ],
  [
    { kind: "text", title: "t", text: "x", notice: "n" },
    { kind: "text", title: "t", text: "x" },
  ],
])("context is reduced so that it is read again: %o", (sent, fresh) => {
  expect(freshContext(sent)).toEqual(fresh);
});

it("a message is edited with its text, agent and context", () => {
  const message = aMessage("m", { agent: "review", context: [{ kind: "file", uri, ...added }] });
  expect(editableMessage(message)).toEqual({ text: "m", agent: "review", context: [{ kind: "file", uri }] });
  expect(editableMessage(aMessage("m"))).toEqual({ text: "m", context: [] });
});
