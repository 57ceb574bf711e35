import { expect, it } from "vitest";
import { placeOf } from "../../src/panel/links";
import { LINK } from "../../webview/links";

it.each([
  ["src/read.py", { path: "src/read.py" }],
  ["src/read.py:12", { path: "src/read.py", line: 11 }],
  ["read.py:12:3", { path: "read.py", line: 11 }],
  ["src/read.py#L12", { path: "src/read.py", line: 11 }],
  ["src/read.py#L12-L20", { path: "src/read.py", line: 11, endLine: 19 }],
  ["my%20notes/a%23b.md", { path: "my notes/a#b.md" }],
  ["./src/../read.py", { path: "read.py" }],
  ["/home/ada/my%20work/read.py:1", { path: "/home/ada/my work/read.py", line: 0 }],
  ["file:///home/ada/read.py", { path: "/home/ada/read.py" }],
  ["C:\\work\\read.py:3", { path: "/c:/work/read.py", line: 2 }],
  ["file:///C:/work/read.py", { path: "/c:/work/read.py" }],
  ["100%.md", { path: "100%.md" }],
  ["read.md#heading", { path: "read.md" }],
  ["src/read.py#L12C3", { path: "src/read.py", line: 11 }],
  ["FILE:///home/ada/read.py", { path: "/home/ada/read.py" }],
  ["file://localhost/home/ada/read.py", { path: "/home/ada/read.py" }],
])("%s is a link to a file", (href, place) => {
  expect(placeOf(href)).toEqual(place);
  expect(LINK.test(href), "the page makes a link of it").toBe(true);
});

it.each([
  "../secret",
  "src/../../secret",
  "command:run",
  "vscode://x/y",
  "javascript:alert(1)",
  "data:text/html,x",
  "a%00b",
  "#L1",
])("%s is not a link", (href) => {
  expect(placeOf(href)).toBeUndefined();
});
