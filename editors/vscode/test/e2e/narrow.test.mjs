// A session in a side bar of 300 and of 170 pixels: nothing is cut off. It takes screenshots in each theme.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step } from "./editor.mjs";
import { layoutProblems } from "./looking.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const careful =
  "---\nname: careful\ndescription: Asks before it writes.\ntools: [read_file, edit_file]\npermissions: {write: ask}\n---\nYou are careful.\n";
const READER = "def read(path):\n    return open(path).readlines()[:-1]\n";
const CHANGE = [
  { text: "", tools: [{ name: "read_file", arguments: { path: "read.py" } }] },
  { text: "", tools: [{ name: "edit_file", arguments: { path: "read.py", edits: [{ old: "[:-1]", new: "" }] } }] },
  { text: "Done." },
];
const FINDING = {
  path: "read.py",
  start_line: 2,
  severity: "error",
  title: "The last line is dropped",
  body: "`[:-1]` drops it.",
};
const TEXT =
  "See `orders.py:14`.\n\n| name | what it is | more |\n|---|---|---|\n| averylongname | words in a cell | and more |\n\n";

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "read.py": READER, ".sessionls/agents/careful.md": careful }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

async function checkLayout(name) {
  await window.shot(`narrow-${name}`);
  assert.deepEqual(await layoutProblems(panel), [], name);
}

const checkWidths = async (name) => {
  for (const width of [170, 300]) {
    await window.sideBarWidth(width);
    await checkLayout(`${name}-${width}`);
  }
};

it("a reply with a table, a formula, code and a finding is not cut off", async () => {
  await model.script(
    { text: TEXT, tools: [{ name: "report_finding", arguments: FINDING }] },
    { text: "One $\\frac{a}{b}$.\n\n```python\nreturn [line.rstrip() for line in path.read_text().splitlines()]\n```" },
  );
  await panel.text.fill("@review What is wrong with the reader, and with what it is used for?");
  await panel.submit();
  await window.command("Session: Open in Side Bar");
  await panel.text.waitFor();
  await panel.replies.first().waitFor();
  await window.command("View: Close All Editors");
  await checkWidths("reply");
});

it("a question with a change is not cut off", async () => {
  await model.script(...CHANGE);
  await panel.text.fill("@careful change it");
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Deny" }).waitFor();
  await checkWidths("question");
  await window.shotInEachTheme("narrow-question-300");
});
