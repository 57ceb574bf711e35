// External agents in the panel: the plan as a checklist, their own tools, and how to sign in. Pictures to be looked at.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { temporaryFolder } from "./cleanup.mjs";
import { python, startEditor, startModel, step } from "./editor.mjs";

let model, editor, window, panel, scripts;
const it = (name, run) => step(name, () => window, run);

const LONG = "Check that `averyveryverylongnameofafunctionwithoutanyplacetobreakit` is called with both arguments everywhere";
const entry = (content, status, priority = "medium") => ({ content, status, priority });
const tool = (toolCallId, kind, title, status, text) => {
  return { toolCallId, kind, title, status, content: [{ type: "content", content: { type: "text", text } }] };
};
const replies = [
  [
    ["say", "I will go about it like this:"],
    [
      "update",
      "plan",
      {
        entries: [
          entry("Read the tests that fail", "completed"),
          entry("Find the off-by-one in `read`", "in_progress", "high"),
          entry(LONG, "pending"),
          entry("Run the tests again", "pending", "low"),
        ],
      },
    ],
    ["say", "The first is done."],
  ],
  [
    ["think", "The range ends one line too early."],
    ["update", "tool_call", tool("r", "read", "Read read.py", "completed", "x = 1")],
    ["update", "tool_call", tool("x", "execute", "python -m pytest -q", "completed", "3 passed in 0.12s")],
    ["update", "tool_call", tool("f", "fetch", "Fetch https://docs.example.org", "failed", "The host does not answer.")],
    ["write_by_itself", "read.py", "x = 2\n"],
    [
      "update",
      "tool_call",
      {
        toolCallId: "e",
        kind: "edit",
        title: "Edit read.py",
        status: "completed",
        content: [{ type: "diff", path: "read.py", oldText: "x = 1\n", newText: "x = 2\n" }],
      },
    ],
    ["say", "It is fixed, and the tests pass."],
  ],
];
const signedOut = {
  signed_out: true,
  auth: [
    { id: "browser", name: "Sign in with the browser", description: "opens the page of your account" },
    { id: "key", name: "Use a key", type: "env_var", vars: [{ name: "VISITOR_API_KEY" }] },
    { id: "terminal", name: "Sign in in a terminal", type: "terminal", args: ["login"] },
  ],
};

before(async () => {
  model = await startModel();
  scripts = temporaryFolder("plan");
  const script = path.join(scripts.folder, "script.json");
  fs.writeFileSync(script, JSON.stringify({ replies }));
  const out = path.join(scripts.folder, "out.json");
  fs.writeFileSync(out, JSON.stringify(signedOut));
  const program = path.resolve(import.meta.dirname, "../../../../tests/acp_agent.py");
  const agents = { planner: { command: python, args: [program, script] }, visitor: { command: python, args: [program, out] } };
  editor = await startEditor({
    files: { "read.py": "x = 1\n" },
    model,
    env: { SESSIONLS_AGENTS: JSON.stringify(agents) },
    shared: true,
  });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
  scripts?.remove();
});

it("an external agent's plan is a checklist with the state of each entry", async () => {
  await panel.text.fill("@planner Fix it");
  const reply = await panel.submit();
  const plan = reply.getByRole("list", { name: "Plan" });
  const lines = await plan.getByRole("listitem").allInnerTexts();
  assert.deepEqual(
    lines.map((line) => line.split("\n").at(-1)),
    ["done", "now", "to do", "to do"],
  );
  assert.match(lines[1], /Find the off-by-one/);
  await window.shotInEachTheme("plan");
});

it("an external agent's tools and edits are shown like those of other agents", async () => {
  await panel.text.fill("@planner Go on");
  const reply = await panel.submit();
  await reply.getByText("It is fixed, and the tests pass.").waitFor();
  for (const title of ["Read read.py", "python -m pytest -q", "Fetch https://docs.example.org"])
    await reply.getByText(title).first().waitFor();
  await window.shotInEachTheme("external-tools");
});

it("an agent that is not signed in says how to sign in", async () => {
  await panel.text.fill("@visitor Hello");
  const failure = (await panel.submit()).locator(".failure");
  await failure.waitFor();
  const text = await failure.innerText();
  assert.match(text, /not signed in/);
  for (const way of [/Sign in with the browser/, /VISITOR_API_KEY/, /login/]) assert.match(text, way);
  await window.shotInEachTheme("external-sign-in");
});

it("the plan fits into a narrow panel", async () => {
  await window.command("View: Toggle Primary Side Bar Visibility");
  await window.page.setViewportSize({ width: 380, height: 800 });
  await window.shot("plan-narrow");
  const overflow = await panel.frame.locator(".transcript").evaluate((element) => element.scrollWidth - element.clientWidth);
  assert.ok(overflow <= 0, "no line is wider than the panel");
});
