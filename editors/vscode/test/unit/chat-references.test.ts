import { describe, expect, it } from "vitest";
import { contextOf, type Documents, type UriLike } from "../../src/chat/references";
import { worded } from "../../src/chat/chatFormat";

const uri = (address: string): UriLike => {
  const [scheme = "", path = ""] = address.split("://");
  return { scheme, path, toString: () => address };
};
const range = { start: { line: 2, character: 0 }, end: { line: 4, character: 3 } };
const FILE = uri("file:///w/read.py");
const documents: Documents = {
  readerOf: ({ scheme, path }) =>
    Promise.resolve(path.endsWith("/") ? "none" : scheme === "file" && path.startsWith("/w/") ? "server" : "editor"),
  read: ({ path }, of) => (path.endsWith(".png") ? Promise.reject(new Error()) : Promise.resolve(of ? "a part" : "the whole")),
  name: ({ path }) => path,
};
const of = (...values: unknown[]) =>
  contextOf(
    values.map((value) => ({ id: "x", value })),
    documents,
  );

describe("what a person attaches", () => {
  it("goes along by its place, for the server to read", async () => {
    expect(await of(FILE, { uri: FILE, range })).toEqual({
      context: [
        { kind: "selection", uri: "file:///w/read.py", range },
        { kind: "file", uri: "file:///w/read.py" },
      ],
      left: [],
    });
  });
  it("goes along as text where the server cannot read it", async () => {
    expect((await of(uri("git:///w/read.py"), { uri: uri("file:///elsewhere.py"), range })).context).toEqual([
      { kind: "text", title: "/elsewhere.py, from line 3", text: "a part" },
      { kind: "text", title: "/w/read.py", text: "the whole" },
    ]);
  });
  it("may be words", async () => {
    const { context } = await contextOf([{ id: "x", modelDescription: "The terminal", value: "$ make" }], documents);
    expect(context).toEqual([{ kind: "text", title: "The terminal", text: "$ make" }]);
  });
  it("goes along once", async () => {
    expect((await of(FILE, FILE)).context).toHaveLength(1);
  });
  it("is named where it stays out", async () => {
    expect(await of(uri("file:///w/src/"), uri("file:///pictures/a.png"), { mimeType: "image/png" })).toEqual({
      context: [],
      left: ["x", "/pictures/a.png", "/w/src/"],
    });
  });
  it("is the file, not a selection, where it is only what can be seen of it", async () => {
    const { context } = await contextOf([{ id: "vscode.implicit.viewport", value: { uri: FILE, range } }], documents);
    expect(context).toEqual([{ kind: "file", uri: "file:///w/read.py" }]);
  });
});

describe("the words of a message", () => {
  const file = { kind: "file", uri: "file:///w/read.py" } as const;
  const selection = { kind: "selection", uri: "file:///w/read.py", range } as const;
  it("are the person's where there are any", () => {
    expect(worded("review", "Is this right?", [file])).toEqual({ text: "Is this right?", context: [file] });
  });
  it("are the command's own where there are none", () => {
    expect(worded("review", "", [selection, file])?.text).toBe("Review the selected code.");
    expect(worded("security", "", [file])?.text).toBe("Review this file for security problems.");
    expect(worded("explain", "", [file])?.text).toBe("Explain this file.");
  });
  it("review the uncommitted changes where nothing is named", () => {
    expect(worded("review", "", [])).toEqual({ text: "Review the uncommitted changes.", context: [{ kind: "diff" }] });
  });
  it("are missing where there is nothing to go by", () => {
    expect(worded("explain", "", [])).toBeUndefined();
    expect(worded("research", "", [file])).toBeUndefined();
    expect(worded(undefined, "", [file])).toBeUndefined();
  });
});
