import { expect, it } from "vitest";
import { fileReferences, referenceOf } from "../../src/fileReferences";

const links = (text: string): string[] => fileReferences(text).flatMap(({ href }) => (href === undefined ? [] : [href]));

it.each([
  ["See orders.py:14, and src/read.py:3:5.", ["orders.py:14", "src/read.py:3:5"]],
  ["tests/test_orders.py:14: AssertionError", ["tests/test_orders.py:14"]],
  ["(./a-b/c.d.ts:7)", ["./a-b/c.d.ts:7"]],
  ["/home/ada/x.py:1 C:\\work\\x.py:2", ["/home/ada/x.py:1", "C:%5Cwork%5Cx.py:2"]],
  ["../lib/x.rs:9", ["../lib/x.rs:9"]],
])("finds lines of files in %j", (text, found) => {
  expect(links(text)).toEqual(found);
});

it.each([
  "Node.js and orders.py",
  "https://example.org/a.py:14",
  "example.com:8080 and db.internal:5432",
  "127.0.0.1:80",
  "at 12:30, ratio 3.5:1",
  "ada@example.py:22",
  "x.py:0",
])("finds none in %j", (text) => {
  expect(links(text)).toEqual([]);
});

it("keeps all of the text", () => {
  const text = "\na.py:1\n\nb.py:2 c";
  expect(
    fileReferences(text)
      .map((piece) => piece.text)
      .join(""),
  ).toBe(text);
  expect(fileReferences("")).toEqual([{ text: "" }]);
});

it("handles long adversarial text", () => {
  for (const piece of ["a.", "a/", "a+", "a@", "a.a:", "a\\", "-", "./"]) {
    const text = piece.repeat(100_000 / piece.length);
    expect(fileReferences(text)).toEqual([{ text }]);
  }
});

it("recognises code that is only a reference to a line", () => {
  expect(referenceOf("src/read.py:3")).toBe("src/read.py:3");
  expect(referenceOf("open src/read.py:3")).toBeUndefined();
  expect(referenceOf("read.py")).toBeUndefined();
});
