import { describe, expect, it } from "vitest";
import type { Part } from "../../src/protocol";
import { countsByCall, countsOf, countsText, toolLine, toolText } from "../../src/toolLine";

type ToolPart = Extract<Part, { kind: "tool" }>;

function call(name: string, given: Record<string, unknown>, more: Partial<ToolPart> = {}): ToolPart {
  return { kind: "tool", callId: "c", name, arguments: given, status: "done", ...more };
}

const said = (part: ToolPart): string => toolText(toolLine(part), (code) => `\`${code}\``);

const PATCH = "--- a/orders.py\n+++ b/orders.py\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n+2½\n three\n";

describe("the line of a call", () => {
  it.each<[ToolPart, string]>([
    [call("run_command", { command: "pytest -q" }, { result: "Exit code 0.\nall passed" }), "Ran `pytest -q`: exit 0"],
    [
      call("run_command", { command: "pytest -q" }, { status: "failed", result: "Exit code 1.\nFAILED" }),
      "Ran `pytest -q`: exit 1",
    ],
    [
      call("run_command", { command: "sleep 9" }, { status: "failed", result: "Exit code -9 (ended by a signal).\n" }),
      "Ran `sleep 9`: ended by a signal",
    ],
    [
      call("run_command", { command: "sleep 9" }, { status: "failed", result: "Stopped after 5 seconds, with all …" }),
      "Ran `sleep 9`: stopped after 5 seconds",
    ],
    [
      call("run_command", { command: "ls" }, { status: "failed", result: "No folder is open in the editor." }),
      "Could not run `ls`: No folder is open in the editor",
    ],
    [call("read_file", { path: "a.py" }, { result: "a.py, lines 1 to 80 of 80\n1 | x" }), "Read `a.py`: 80 lines"],
    [call("read_file", { path: "a.py" }, { result: "a.py, lines 5 to 20 of 80\n5 | x" }), "Read `a.py`: lines 5–20 of 80"],
    [call("read_file", { path: "a.py" }, { result: "a.py is empty." }), "Read `a.py`"],
    [
      call("search", { pattern: "def \\w+", path: "src" }, { result: "src/a.py\n1: def a\n2- pass\n\nsrc/b.py\n7: def b" }),
      "Searched for `def \\w+`: 2 matches in src",
    ],
    [call("search", { pattern: "x" }, { result: "No line matches." }), "Searched for `x`: no matches"],
    [call("ask_agent", { agent: "review", question: "Is it right?" }), "Asked `review`: Is it right?"],
    [call("git_diff", { base: "main" }), "Read the changes since `main`"],
    [call("git_diff", { staged: true }), "Read the staged changes"],
    [call("list_files", {}), "Listed files"],
    [call("weather", { city: "Paris", days: 3, at: { x: 1 } }), 'Called `weather`: city: Paris, days: 3, at: {"x":1}'],
    [call("weather", {}, { unreadable: '{"city": "Par' }), 'Called `weather`: {"city": "Par'],
    [call("constructor", {}), "Called `constructor`"],
  ])("%o", (part, words) => {
    expect(said(part)).toBe(words);
  });

  it.each([
    ["waiting", "Wants to run `make`"],
    ["running", "Running `make`"],
    ["done", "Ran `make`"],
    ["failed", "Could not run `make`"],
    ["denied", "Not allowed to run `make`"],
  ] as const)("says how it stands: %s", (status, words) => {
    expect(said(call("run_command", { command: "make" }, { status }))).toBe(words);
  });

  it("is what an external agent says of its own tool", () => {
    const edits = call("edit", { file: "a.py" }, { title: "Edit a.py" });
    expect(said(edits)).toBe("Edit a.py");
    expect(said({ ...edits, status: "failed", result: "No such file." })).toBe("Failed: Edit a.py: No such file");
    expect(said({ ...edits, status: "denied" })).toBe("Not allowed: Edit a.py");
    expect(said(call("run_command", { command: "make" }, { title: "other words" }))).toBe("Ran `make`");
  });

  it("says why a call failed or was denied", () => {
    const denied = call("create_file", { path: "a" }, { status: "denied", result: "Agents may only read here.\nMore" });
    expect(said(denied)).toBe("Not allowed to create `a`: Agents may only read here");
  });

  it("is one line, and of bounded length", () => {
    const { code } = toolLine(call("run_command", { command: `echo\n  ${"x".repeat(1000)}` }));
    expect(code).toMatch(/^echo x+…$/);
    expect(code.length).toBeLessThan(130);
  });

  it("bears arguments of any kind: a model wrote them", () => {
    expect(said(call("read_file", { path: 7 }))).toBe("Read");
    expect(said(call("scan", { paths: "not a list" }))).toBe("Scanned `the workspace`");
  });
});

describe("the lines that an edit changed", () => {
  it("are counted without the head of the patch", () => {
    expect(countsOf(PATCH)).toEqual({ added: 2, removed: 1 });
    expect(countsOf("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-- a list\n")).toEqual({ added: 0, removed: 1 });
  });

  it("are written with signs, and nothing where there is none", () => {
    expect(countsText({ added: 2, removed: 1 })).toBe("+2 −1");
    expect(countsText({ added: 0, removed: 3 })).toBe("−3");
    expect(countsText({ added: 0, removed: 0 })).toBe("+0");
  });

  it("stand behind the call that made the edit, in their order for one file", () => {
    const edit = (uri: string, patch: string): Part => ({ kind: "edit", uri, summary: "Edit", applied: true, patch });
    const parts: Part[] = [
      call("edit_file", { path: "./my orders.py" }, { callId: "1" }),
      call("edit_file", { path: "my orders.py" }, { callId: "2" }),
      call("edit_file", { path: "orders.py" }, { callId: "3" }),
      call("read_file", { path: "my orders.py" }, { callId: "4" }),
      edit("file:///work/my%20orders.py", PATCH),
      edit("file:///work/my%20orders.py", "@@ -1 +1 @@\n-a\n+b\n"),
    ];
    expect([...countsByCall(parts)]).toEqual([
      ["1", { added: 2, removed: 1 }],
      ["2", { added: 1, removed: 1 }],
    ]);
    const [first] = parts;
    expect(first?.kind === "tool" && said({ ...first, result: "Edited." })).toBe("Edited `./my orders.py`");
    expect(toolText(toolLine(call("edit_file", { path: "a" }), { added: 2, removed: 1 }))).toBe("Edited a: +2 −1");
  });
});
