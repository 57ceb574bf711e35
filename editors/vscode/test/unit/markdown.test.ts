import { describe, expect, it } from "vitest";
import { LINK } from "../../webview/links";
import { blocks, html } from "../../webview/markdown";

const drawn = (source: string) =>
  blocks(source)
    .map((block) => html(block))
    .join("");
const sources = (source: string) => blocks(source).map((block) => block.source);

describe("characters that hide or reorder text", () => {
  it("are shown as escapes, in prose and in code", () => {
    expect(drawn("a\u202eb `c\u2066d`\n\n```\nx\u009b\u{e0041}\n```")).toMatch(
      /a\\u202eb <code>c\\u2066d<\/code>.*x\\x9b\\U000e0041/s,
    );
  });
  it("stay if scripts and emoji need them", () => {
    expect(drawn("\u{1f468}\u200d\u{1f469} \u200f")).toContain("\u{1f468}\u200d\u{1f469} \u200f");
  });
});

describe("the blocks of a text", () => {
  it("are its top-level elements, in order", () => {
    expect(sources("# One\n\ntwo\nlines\n\n- three\n- four\n")).toEqual(["# One", "two\nlines", "- three\n- four"]);
  });
  it("do not include code of other blocks that looks like link definitions", () => {
    const code = "```ts\nconst a: {\n  [key: string]: string | undefined;\n};\n[Kind.A]: () => foo,\n```";
    expect(sources(`Before.\n\n${code}\n\nAfter.`)).toEqual(["Before.", code, "After."]);
    expect(drawn(`Before.\n\n${code}\n\nAfter.`)).toMatch(/^<p>Before\.<\/p>\n<div class="code">.*<p>After\.<\/p>\n$/s);
  });
  it("do not include footnotes of other blocks", () => {
    expect(sources("One.\n\nTwo.\n\n[^1]: Smith, 2020\n")).toEqual(["One.", "Two.", "[^1]: Smith, 2020"]);
  });
  it("use the link definitions of the whole text, which are not shown", () => {
    const text = "See [the page][page].\n\nNothing here.\n\n[page]: https://example.org 'Title'\n";
    expect(drawn(text)).toBe('<p>See <a href="https://example.org" title="Title">the page</a>.</p>\n<p>Nothing here.</p>\n');
  });
  it("are unchanged by a new definition that they cannot use", () => {
    const before = blocks("Nothing here.\n\nSee [page].");
    const after = blocks("Nothing here.\n\nSee [page].\n\n[page]: https://example.org");
    expect(after[0]).toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
  });
});

describe("code being written", () => {
  const long = "x = 1\n".repeat(2000);
  const open = (text: string) => blocks(text).map((block) => block.open);
  it("is open until its fence ends", () => {
    expect(open("```py\nx = 1")).toEqual([true]);
    expect(open("```py")).toEqual([true]);
    expect(open("````py\nx = 1\n```")).toEqual([true]);
    expect(open("```py\nx = 1\n```")).toEqual([false]);
    expect(open("~~~py\nx = 1\n~~~~\n\nAfter.")).toEqual([false, false]);
    expect(open("text")).toEqual([false]);
  });
  it("is coloured while it grows if it is short, and at its end if it is long", () => {
    const coloured = (text: string, growing: boolean) => blocks(text).some((block) => html(block, growing).includes("hljs-"));
    expect(coloured("```py\nx = 1", true)).toBe(true);
    expect(coloured(`\`\`\`py\n${long}`, true)).toBe(false);
    expect(coloured(`\`\`\`py\n${long}`, false)).toBe(true);
    expect(coloured(`\`\`\`py\n${long}\`\`\``, true)).toBe(true);
  });
});

describe("a table", () => {
  it("keeps the alignment of its columns, without a style", () => {
    const table = drawn("| a | b | c |\n|--:|:-:|---|\n| 1 | 2 | 3 |");
    expect(table).toContain('<td class="to-right">1</td>\n<td class="to-center">2</td>\n<td>3</td>');
    expect(table.replaceAll(/ style="[^"]*"/g, "")).toContain('<th class="to-right">a</th>');
  });
});

describe("a task list", () => {
  it("shows which tasks are done", () => {
    const list = drawn("- [ ] one\n- [x] **two**\n- [X] three\n- four [ ]\n- [y] five");
    expect(list.match(/aria-label="[^"]*"><\/span>[a-z]*/g)).toEqual([
      'aria-label="To do:"></span>one',
      'aria-label="Done:"></span>',
      'aria-label="Done:"></span>three',
    ]);
    expect(list).toContain("<li>four [ ]</li>");
    expect(list).toContain("<li>[y] five</li>");
  });
  it("may have paragraphs, and links that look like checkboxes stay links", () => {
    expect(drawn("1. [x] one\n\n   more\n\n2. [x](https://example.org)")).toMatch(
      /<li class="done">\n<span[^>]*><\/span><p>one<\/p>\n<p>more<\/p>\n<\/li>\n<li>\n<p><a href/,
    );
  });
});

describe("a link", () => {
  it.each([
    "https://example.org/a?b#c",
    "HTTP://example.org",
    "mailto:ada@example.org",
    "file:///home/ada/read.py#L12",
    "read.py",
    "src/read.py:12",
    "read.py:12",
    "read.py:12:5",
    "../read.py#L3-L5",
    "#part",
    "a/b:c",
  ])("leads to %s", (href) => {
    expect(LINK.test(href)).toBe(true);
    expect(drawn(`[words](<${href}>)`)).toContain("<a href=");
  });
  it.each([
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "javascript&#58;alert(1)",
    "javascript:1",
    "javascript:1.5",
    "javascript:/*.py:12*/alert(1)",
    "javascript://%0aalert(1)",
    "\u0001javascript:alert(1)",
    "vbscript:1",
    "command:workbench.action.quit",
    "command:12",
    "data:text/html,x",
    "data:12",
    "vscode://file/etc/passwd",
    "blob:x",
    "tel:12",
  ])("does not lead to %s", (href) => {
    expect(drawn(`[words](<${href}>)`)).not.toContain("<a");
    expect(drawn(`![words](<${href}>)`)).not.toContain("<a");
  });
  it("is made from a file name with a line, in text and in code, not from a file name alone", () => {
    expect(drawn("See orders.py:14, `src/a.py:3` and **b.rs:2**")).toBe(
      '<p>See <a href="orders.py:14">orders.py:14</a>, <a href="src/a.py:3"><code>src/a.py:3</code></a> and ' +
        '<strong><a href="b.rs:2">b.rs:2</a></strong></p>\n',
    );
    expect(drawn("Read README.md, main.rs and `open a.py:3`")).not.toContain("<a");
    expect(drawn("[a.py:1](b.py:2) https://example.org/c.py:3").match(/<a /g)).toHaveLength(2);
    expect(drawn("```\na.py:1\n```")).not.toContain("<a");
  });
  it("replaces an image, which is not loaded", () => {
    expect(drawn("![picture](https://example.org/x.png)")).toBe('<p><a href="https://example.org/x.png">picture</a></p>\n');
    expect(drawn("![picture](data:image/png;base64,AAAA)")).toBe("<p>picture</p>\n");
  });
});

describe("HTML in a text", () => {
  it("is text", () => {
    expect(drawn("a <img src=x onerror=alert(1)> b")).toBe("<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n");
    expect(drawn('```"><script>\nx\n```')).not.toContain("<script");
  });
});
