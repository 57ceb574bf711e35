import { describe, expect, it } from "vitest";
import { answerOf, labelOf, markdownOf, safe, findingText } from "../../src/findings/findingFormat";
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

describe("a finding in words", () => {
  it("has its title as it is, its body as Markdown, and its suggestion as code", () => {
    expect(markdownOf(aFinding({ suggestion: "x = 1\n" }), "python")).toBe(
      "**It is \\*wrong\\***\n\nBecause.\n\nSuggestion:\n\n```python\nx = 1\n```",
    );
  });

  it("lets no suggestion out of its block", () => {
    expect(markdownOf(aFinding({ suggestion: "````\n[x](command:y)" }), "a b")).toContain("`````\n````\n[x](command:y)\n`````");
  });

  it("loads no picture, and leaves code alone that only looks like one", () => {
    expect(safe("![a](https://example.org/a.png)")).not.toContain("![");
    expect(safe("![a]\n\n[a]: https://example.org/a.png")).not.toContain("![");
    expect(safe("`vec![1, 2]` and `#![allow(x)]`")).toBe("`vec![1, 2]` and `#![allow(x)]`");
  });

  it("says how bad it is, and which rule says so", () => {
    expect(labelOf(aFinding())).toBe("Warning");
    expect(labelOf(aFinding({ severity: 1, rule: "off-by-one" }))).toBe("Error · off-by-one");
  });

  it("is formatted for an agent with rule and suggestion", () => {
    expect(findingText(aFinding({ rule: "r", suggestion: "s" }))).toBe(
      "It is *wrong*\n\nBecause.\n\nRule: r\n\nSuggested replacement:\ns",
    );
  });
});

describe("a reply in words", () => {
  const text = { kind: "text", text: "Yes." } as const;

  it("is what it says, and the edits it made", () => {
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
