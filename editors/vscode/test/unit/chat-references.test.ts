import { describe, expect, it } from "vitest";
import { contextOf, type Documents, type UriLike } from "../../src/chat/references";
import { chatMessage } from "../../src/chat/chatFormat";

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
  it("is sent as a reference for the server to read", async () => {
    expect(await of(FILE, { uri: FILE, range })).toEqual({
      context: [
        { kind: "selection", uri: "file:///w/read.py", range },
        { kind: "file", uri: "file:///w/read.py" },
      ],
      unsupported: [],
    });
  });
  it("is sent as text if the server cannot read it", async () => {
    expect((await of(uri("git:///w/read.py"), { uri: uri("file:///elsewhere.py"), range })).context).toEqual([
      { kind: "text", title: "/elsewhere.py, from line 3", text: "a part" },
      { kind: "text", title: "/w/read.py", text: "the whole" },
    ]);
  });
  it("may be plain text", async () => {
    const { context } = await contextOf([{ id: "x", modelDescription: "The terminal", value: "$ make" }], documents);
    expect(context).toEqual([{ kind: "text", title: "The terminal", text: "$ make" }]);
  });
  it("is sent once", async () => {
    expect((await of(FILE, FILE)).context).toHaveLength(1);
  });
  it("is named if it cannot be sent", async () => {
    expect(await of(uri("file:///w/src/"), uri("file:///pictures/a.png"), { mimeType: "image/png" })).toEqual({
      context: [],
      unsupported: ["x", "/pictures/a.png", "/w/src/"],
    });
  });
  it("is the file, not a selection, if it is only the visible part", async () => {
    const { context } = await contextOf([{ id: "vscode.implicit.viewport", value: { uri: FILE, range } }], documents);
    expect(context).toEqual([{ kind: "file", uri: "file:///w/read.py" }]);
  });
});

describe("the text of a message", () => {
  const file = { kind: "file", uri: "file:///w/read.py" } as const;
  const selection = { kind: "selection", uri: "file:///w/read.py", range } as const;
  it("is the person's, if there is any", () => {
    expect(chatMessage("review", "Is this right?", [file])).toEqual({ text: "Is this right?", context: [file] });
  });
  it("is the command's default otherwise", () => {
    expect(chatMessage("review", "", [selection, file])?.text).toBe("Review the selected code.");
    expect(chatMessage("security", "", [file])?.text).toBe("Review this file for security problems.");
    expect(chatMessage("explain", "", [file])?.text).toBe("Explain this file.");
  });
  it("is a review of the uncommitted changes if nothing is attached", () => {
    expect(chatMessage("review", "", [])).toEqual({ text: "Review the uncommitted changes.", context: [{ kind: "diff" }] });
  });
  it("is missing if there is no default", () => {
    expect(chatMessage("explain", "", [])).toBeUndefined();
    expect(chatMessage("research", "", [file])).toBeUndefined();
    expect(chatMessage(undefined, "", [file])).toBeUndefined();
  });
});
