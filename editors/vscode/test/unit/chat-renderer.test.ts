import { describe, expect, it } from "vitest";
import { ChatRenderer, type Piece } from "../../src/chat/chatRenderer";
import type { Finding, Part } from "../../src/protocol";
import { aReply, AT } from "./samples";

const text = (words: string): Part => ({ kind: "text", text: words });
const tool = (status: "waiting" | "running" | "done" | "failed" | "denied"): Part => ({
  kind: "tool",
  callId: "c",
  name: "read_file",
  arguments: { path: "notes.md", lines: [1, 2] },
  status,
});
const replyOf = (...parts: Part[]) => aReply("r", "m", { parts, status: "replying" });
const markdown = (pieces: readonly Piece[]): string =>
  pieces.map((piece) => (piece.kind === "markdown" ? piece.text : piece.kind === "place" ? `<${piece.title}>` : "")).join("");

describe("a reply being written", () => {
  it("is rendered once, whatever its steps", () => {
    const renderer = new ChatRenderer();
    const told = ["Hel", "Hello", "Hello", "Hello **you**"].flatMap((words) => renderer.step(replyOf(text(words))));
    told.push(...renderer.end(aReply("r", "m", { parts: [text("Hello **you**!")] })));
    expect(told.map((piece) => markdown([piece]))).toEqual(["Hello **you**", "!"]);
  });
  it("is rendered completely if no step was seen", () => {
    expect(markdown(new ChatRenderer().end(aReply("r", "m", { parts: [text("all")] })))).toBe("all");
  });
  it("separates its text parts into paragraphs", () => {
    const renderer = new ChatRenderer();
    const told = [
      ...renderer.step(replyOf(text("one "))),
      ...renderer.step(replyOf(text("one "), tool("done"), text("two"))),
      ...renderer.end(replyOf(text("one "), tool("done"), text("two"))),
    ];
    expect(markdown(told)).toBe("one \n\ntwo");
  });
});

describe("tools", () => {
  it("are shown once, while they run", () => {
    const renderer = new ChatRenderer();
    expect(renderer.step(replyOf(tool("waiting")))).toEqual([]);
    expect(renderer.step(replyOf(tool("running")))).toEqual([{ kind: "progress", text: "Reading notes\\.md" }]);
    expect(renderer.step(replyOf(tool("running")))).toEqual([]);
    expect(renderer.step(replyOf(tool("done")))).toEqual([]);
  });
  it("leave a line if they were denied or failed", () => {
    expect(markdown(new ChatRenderer().step(replyOf(tool("denied"))))).toBe("*⊘ Not allowed to read notes\\.md.*");
    expect(markdown(new ChatRenderer().step(replyOf(tool("failed"))))).toBe("*✗ Could not read notes\\.md.*");
  });
  it("show the exit code of a failed command", () => {
    const command: Part = {
      kind: "tool",
      callId: "c",
      name: "run_command",
      arguments: { command: "exit 3" },
      status: "failed",
      result: "Exit code 3.\nbroken",
    };
    expect(markdown(new ChatRenderer().step(replyOf(command)))).toBe("*✗ Ran exit 3: exit 3.*");
  });
  it("ask, once for each question", () => {
    const renderer = new ChatRenderer();
    const asked = { requestId: "q", messageId: "r", tool: "read_file", summary: "Read notes.md", risk: "read", at: AT } as const;
    const question = { ...asked, agent: "careful" };
    expect(renderer.step(replyOf(tool("waiting")), [question])).toEqual([
      { kind: "markdown", text: "**careful asks:** Read notes\\.md" },
      { kind: "question" },
    ]);
    expect(renderer.step(replyOf(tool("waiting")), [question])).toEqual([]);
  });
});

describe("findings and edits", () => {
  const finding: Finding = {
    id: "f",
    uri: "file:///w/a%20b/read.py",
    range: { start: { line: 1, character: 0 }, end: { line: 1, character: 5 } },
    severity: 1,
    title: "`[:-1]` drops a *line*",
    body: "",
    state: "open",
    sessionId: "s",
    agent: "review",
    messageId: "r",
  };
  it("link to their position, with the title escaped", () => {
    const told = new ChatRenderer().step(replyOf({ kind: "finding", finding }));
    expect(markdown(told)).toBe("**Error:** \\`\\[:\\-1\\]\\` drops a \\*line\\* <read.py:2>");
    expect(told[1]).toMatchObject({ kind: "place", uri: finding.uri, range: finding.range });
  });
  it("show whether an edit was applied", () => {
    const edit = { kind: "edit", uri: "file:///w/read.py", summary: "1 line", applied: true } as const;
    expect(markdown(new ChatRenderer().step(replyOf(edit)))).toBe("Changed <read.py> (1 line)");
    expect(markdown(new ChatRenderer().step(replyOf({ ...edit, applied: false })))).toBe("Not changed: <read.py> (1 line)");
  });
});

describe("a reply that stopped", () => {
  it("says why, and what to do", () => {
    const cut = new ChatRenderer().end(aReply("r", "m", { parts: [text("half")], stopReason: "length" }));
    expect(markdown(cut)).toContain("limit of output tokens");
    expect(markdown(cut)).toContain('Send "go on"');
    expect(markdown(new ChatRenderer().end(aReply("r", "m", { parts: [text("all")], stopReason: "stop" })))).toBe("all");
    expect(markdown(new ChatRenderer().end(aReply("r", "m", { stopReason: "empty" })))).toContain("gave no answer");
    const told = new ChatRenderer().end(aReply("r", "m", { parts: [text("half")], status: "paused" }));
    expect(markdown(told)).toBe("half\n\n*The session is paused. Resume it to continue this reply.*");
  });
  it("shows once that it waits", () => {
    const renderer = new ChatRenderer();
    expect([...renderer.waiting(), ...renderer.waiting()]).toHaveLength(1);
  });
});
