import { describe, expect, it } from "vitest";
import { LinkedText } from "../../src/chat/linkedText";

/** The Markdown that is shown when the text comes in these pieces, with `<…>` for the address of each link. */
const shown = (...pieces: readonly string[]) => {
  const linked = new LinkedText();
  let text = "";
  let out = "";
  for (const piece of pieces) out += linked.next((text += piece), false);
  out += linked.next(text, true);
  return out.replaceAll(
    /\(command:session\.openLink\?([^)]*)\)/g,
    (_, given: string) => `<${(JSON.parse(decodeURIComponent(given)) as string[])[0]}>`,
  );
};
const letters = (text: string) => shown(...Array.from(text));

describe("a reference to a line in VS Code's chat", () => {
  it.each([
    ["See orders.py:14.", "See [orders\\.py:14]<orders.py:14>."],
    ["`src/a.py:3` and **b.rs:2**", "[`src/a.py:3`]<src/a.py:3> and **[b\\.rs:2]<b.rs:2>**"],
    ["- a.py:1\n    - b.py:2\n", "- [a\\.py:1]<a.py:1>\n    - [b\\.py:2]<b.py:2>\n"],
    ["(see a_b.py:3:4)", "(see [a\\_b\\.py:3:4]<a_b.py:3:4>)"],
    ["位置はa.py:14です", "位置は[a\\.py:14]<a.py:14>です"],
  ])("is a link: %s", (text, expected) => {
    expect(shown(text)).toBe(expected);
    expect(letters(text)).toBe(expected);
  });
  it.each([
    "[a.py:1](b.py#L2) and ![a.py:1](x)",
    "<https://example.org/a.py:1> https://example.org/a.py:2",
    "```\na.py:1\n```\nand `run a.py:3 now`",
    "~~~py\na.py:1\n~~~",
    "    a.py:1\n",
    "Node.js and README.md, example.com:80",
    "one `half a.py:1",
    "[half a.py:1](",
  ])("is not a link in %s", (text) => {
    const kept = text.replace("half a.py:1", "half [a\\.py:1]<a.py:1>");
    expect(letters(text)).toBe(kept);
    expect(shown(text)).toBe(kept);
  });
  it("is found after a code block has ended", () => {
    expect(letters("````\n```\na.py:1\n````\na.py:2\n")).toBe("````\n```\na.py:1\n````\n[a\\.py:2]<a.py:2>\n");
  });
});

it("text is shown word by word, and a long word is shown, too", () => {
  const linked = new LinkedText();
  expect(linked.next("Hello wor", false)).toBe("Hello ");
  expect(linked.next("Hello world, you", false)).toBe("world, ");
  expect(linked.next("Hello world, you", true)).toBe("you");
  expect(linked.next("Hello world, you", true)).toBe("");
  expect(new LinkedText().next("a".repeat(600), false)).toHaveLength(600);
});
