// The plan of an external agent, as a checklist: pictures in each theme and in a narrow window, to be looked at.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { python, startEditor, startModel, step } from "./editor.mjs";

let model, editor, window, panel, script;
const it = (name, run) => step(name, () => window, run);

const LONG = "Check that `averyveryverylongnameofafunctionwithoutanyplacetobreakit` is called with both arguments everywhere";
const entry = (content, status, priority = "medium") => ({ content, status, priority });
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
];

before(async () => {
  model = await startModel();
  script = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "sessionls-plan-")), "script.json");
  fs.writeFileSync(script, JSON.stringify({ replies }));
  const program = path.resolve(import.meta.dirname, "../../../../tests/acp_agent.py");
  const agents = { planner: { command: python, args: [program, script] } };
  editor = await startEditor({ files: { "read.py": "x = 1\n" }, model, env: { SESSIONLS_AGENTS: JSON.stringify(agents) } });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
  fs.rmSync(path.dirname(script), { recursive: true, force: true });
});

it("its plan is a checklist that says how far it is", async () => {
  await panel.text.fill("@planner Fix it");
  const reply = await panel.sent();
  const plan = reply.getByRole("list", { name: "Plan" });
  const lines = await plan.getByRole("listitem").allInnerTexts();
  assert.deepEqual(
    lines.map((line) => line.split("\n").at(-1)),
    ["done", "now", "to do", "to do"],
  );
  assert.match(lines[1], /Find the off-by-one/);
  await window.shotInEachTheme("plan");
});

it("nothing of it runs out of a narrow panel", async () => {
  await window.command("View: Toggle Primary Side Bar Visibility");
  await window.page.setViewportSize({ width: 380, height: 800 });
  await window.page.waitForTimeout(500);
  await window.shot("plan-narrow");
  const overflow = await panel.frame.locator(".transcript").evaluate((element) => element.scrollWidth - element.clientWidth);
  assert.ok(overflow <= 0, "no line is wider than the panel");
});
