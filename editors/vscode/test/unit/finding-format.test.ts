import { describe, expect, it } from "vitest";
import { answerOf, labelOf, markdownOf, withoutImages, findingText } from "../../src/findings/findingFormat";
import type { Finding } from "../../src/protocol";
import { aReply } from "./samples";

function aFinding(given: Partial<Finding> = {}): Finding {
  return {
    id: "f",
    uri: "file:///a.py",
    range: { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } },
    severity: 2,
    title: "It is *wrong*",
    body: "Because.",
    state: "open",
    sessionId: "s",
    agent: "review",
    messageId: "m",
    ...given,
  };
}

describe("a finding as text", () => {
  it("has its title escaped, its body as Markdown, and its suggestion as code", () => {
    expect(markdownOf(aFinding({ suggestion: "x = 1\n" }), "python")).toBe(
      "**It is \\*wrong\\***\n\nBecause.\n\nSuggestion:\n\n```python\nx = 1\n```",
    );
  });

  it("keeps a suggestion inside its code block", () => {
    expect(markdownOf(aFinding({ suggestion: "````\n[x](command:y)" }), "a b")).toContain("`````\n````\n[x](command:y)\n`````");
  });

  it("loads no images, and does not change code that looks like one", () => {
    expect(withoutImages("![a](https://example.org/a.png)")).not.toContain("![");
    expect(withoutImages("![a]\n\n[a]: https://example.org/a.png")).not.toContain("![");
    expect(withoutImages("`vec![1, 2]` and `#![allow(x)]`")).toBe("`vec![1, 2]` and `#![allow(x)]`");
  });

  it("shows its severity and rule", () => {
    expect(labelOf(aFinding())).toBe("Warning");
    expect(labelOf(aFinding({ severity: 1, rule: "off-by-one" }))).toBe("Error · off-by-one");
  });

  it("is formatted for an agent with rule and suggestion", () => {
    expect(findingText(aFinding({ rule: "r", suggestion: "s" }))).toBe(
      "It is *wrong*\n\nBecause.\n\nRule: r\n\nSuggested replacement:\ns",
    );
  });
});

describe("a reply as text", () => {
  const text = { kind: "text", text: "Yes." } as const;

  it("is its text, and the number of its edits", () => {
    const edit = { kind: "edit", uri: "file:///a.py", summary: "Edit a.py", applied: true } as const;
    expect(answerOf(aReply("r", "m", { parts: [text, edit] }))).toBe("Yes.\n\n*One edit was made.*");
  });

  it("says how it ended", () => {
    expect(answerOf(aReply("r", "m", { parts: [text], status: "cancelled" }))).toBe("Yes.\n\n*The reply was cancelled.*");
    const error = { kind: "modelUnavailable", message: "No model!", hint: "Set one up." };
    expect(answerOf(aReply("r", "m", { status: "failed", error }))).toBe("No model\\! Set one up\\.");
    expect(answerOf(aReply("r", "m"))).toMatch(/has no text/);
  });
});
