import { describe, expect, it } from "vitest";
import { limitExceeded } from "../../webview/drawn/diagramLimits";
import { blocks, html } from "../../webview/markdown";
import { formulaOf } from "../../webview/mathsSyntax";

const drawn = (source: string) =>
  blocks(source)
    .map((block) => html(block))
    .join("");
/** The formulas of a text, as they are written. */
const formulas = (source: string) =>
  [...drawn(source).matchAll(/class="maths[^>]*>([^<]*)</g)].map(([, found]) => (found ?? "").replaceAll("&lt;", "<"));

describe("an inline formula", () => {
  it.each([
    ["Euler: $e^{i\\pi} + 1 = 0$.", ["$e^{i\\pi} + 1 = 0$"]],
    ["$a$ and $b$", ["$a$", "$b$"]],
    ["($x_1*y*z$)", ["($x_1*y*z$)".slice(1, -1)]],
    ["inline $$x < y$$ too", ["$$x < y$$"]],
    ["\\(x + 1\\) and \\( n \\)", ["\\(x + 1\\)", "\\( n \\)"]],
    ["$\\$5 + x$", ["$\\$5 + x$"]],
    ["- item $x$\n- **$y$**", ["$x$", "$y$"]],
  ])("is %s", (text, found) => {
    expect(formulas(text)).toEqual(found);
  });
  it.each([
    "It costs $5 and $10, or $5-$10.",
    "US$5 and AU$10",
    "Set $HOME/$USER and $PATH.",
    "It costs $5 and $10. `$x$`",
    "$5 `code` x$",
    "A single $ and $ more",
    "`$a$` and\n\n```sh\necho $a$\n```",
    "\\$a$ stays",
    "\\(see the other file\\)",
    `$${"a".repeat(2000)}$`,
    "$$",
    "$$$$",
  ])("is not in %s", (text) => {
    expect(formulas(text)).toEqual([]);
  });
  it("does not change escaped brackets", () => {
    expect(drawn("\\(see the other file\\)")).toBe("<p>(see the other file)</p>\n");
  });
});

describe("a block formula", () => {
  it.each([
    ["$$\nx = 1\n$$", ["$$\nx = 1\n$$"]],
    ["$$x = 1$$", ["$$x = 1$$"]],
    ["$$\na\n\nb\n$$\n\ntext", ["$$\na\n\nb\n$$"]],
    ["\\[ x \\]", ["\\[ x \\]"]],
    ["\\[\nx\n\\]", ["\\[\nx\n\\]"]],
    ["before\n$$\nx\n$$\nafter", ["$$\nx\n$$"]],
    ["```math\nx < 1\n```", ["$$\nx < 1\n$$"]],
  ])("is %s", (text, found) => {
    expect(formulas(text)).toEqual(found);
  });
  it.each(["$$\nx", "\\[escaped\\]", "    $$\n    x\n    $$", `$$\n${"x\n".repeat(6000)}$$`, "- $$\nx\n$$"])(
    "is not %s",
    (text) => {
      expect(formulas(text).filter((one) => one.startsWith("$$\n") || one.startsWith("\\["))).toEqual([]);
    },
  );
  it("is a separate block, so that later text does not redraw it", () => {
    expect(blocks("$$\nx\n$$\n\nmore").map(({ source }) => source)).toEqual(["$$\nx\n$$", "more"]);
  });
});

it("a formula is the text between its marks", () => {
  expect(["$x$", "$$\nx\n$$", "\\(x\\)", "\\[ x \\]"].map((one) => formulaOf(one).trim())).toEqual(["x", "x", "x", "x"]);
});

it("many unclosed marks are parsed quickly", () => {
  expect(formulas("$$ a\n".repeat(20_000)).length).toBeGreaterThanOrEqual(0);
  expect(formulas("$a ".repeat(20_000))).toEqual([]);
  expect(formulas("\\(a ".repeat(20_000))).toEqual([]);
});

it("Mermaid code becomes a diagram when it is complete", () => {
  const [block] = blocks("```mermaid\ngraph TD; A-->B\n```");
  const [growing] = blocks("```mermaid\ngraph TD; A--");
  expect(block && html(block)).toContain('class="code diagram"');
  expect(growing && html(growing, true)).toContain('class="code"');
});

describe("a diagram", () => {
  it.each([
    "flowchart LR\n A --> B",
    "gantt\n excludes weekends\n a :2024-01-01, 30d\n b :2024-12-01, 2025-01-10",
    "gantt\n a :1900-01-01, 36500d",
    "block-beta\n columns 3\n a b c",
    "sequenceDiagram\n A->>B: 12345",
  ])("is drawn: %s", (source) => {
    expect(limitExceeded(source)).toBeUndefined();
  });
  it.each([
    "flowchart LR\n A --> B".padEnd(7000),
    `classDiagram\n${"A <|-- B\n".repeat(200)}`,
    `classDiagram;${"A <|-- B;".repeat(200)}`,
    "gantt\n tickInterval 1millisecond\n a :2000-01-01, 3650d",
    "gantt\n excludes weekends\n a :1900-01-01, 365000d",
    "gantt\n excludes monday\n a :1900-01-01, 2900-01-01",
    "%% a comment\n gantt\n  Excludes monday\n a :1900-01-01, 9y",
    "block-beta\n space:999",
    "block\n columns 1000",
  ])("is not drawn if that would take long: %s", (source) => {
    expect(limitExceeded(source)).toMatch(/\.$/);
  });
});
