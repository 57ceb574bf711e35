// A review of unsaved code, and what becomes of its findings: Problems, the gutter, a reply there, a fix that is asked for and
// undone, dismissal. One window, one story; each test goes on where the one before ended.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const files = {
  "read.py": "def read(path):\n    with open(path) as file:\n        return file.readlines()[:-1]\n",
};
const TITLE = "The last line is dropped";
const finding = {
  path: "read.py",
  quote: "return file.readlines()[:-1]",
  severity: "error",
  title: TITLE,
  body: "`[:-1]` takes the **last** line away: see ![this](https://example.org/x.png) and [that](command:workbench.action.quit).",
  rule: "off-by-one",
  suggestion: "return file.readlines()",
};

before(async () => {
  model = await startModel();
  editor = await startEditor({ files, model });
  window = await editor.window();
  panel = window.panel;
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const call = (name, args) => ({ tools: [{ name, arguments: args }] });
const problems = () => window.page.locator(".markers-panel .monaco-list-row", { hasText: TITLE });
const glyphs = () => window.page.locator(".margin-view-overlays .comment-thread-unresolved");
const thread = () => window.page.locator(".review-widget");
const text = () => window.page.locator(".editor-group-container .view-lines").first().innerText();
const lastTold = () => JSON.stringify(model.requests.at(-1));

it("a review of unsaved code puts its finding into Problems and the gutter", async () => {
  await window.open("read.py");
  await window.page.keyboard.press("Control+Home");
  await window.page.keyboard.type("# never saved\n");
  await window.page.keyboard.press("Control+a");
  await model.script(call("report_finding", finding), { text: "One finding." });
  await window.command("Session: Review Selection");
  await panel.replies.getByText("One finding.").waitFor({ timeout: 60_000 });
  assert.match(JSON.stringify(model.requests[0]), /never saved/);
  await window.command("Problems: Focus on Problems View");
  await problems().waitFor();
  await glyphs().first().waitFor();
  await window.shot("finding-problems-dark");
});

it("its thread says what is wrong, and runs or loads nothing", async () => {
  await glyphs().first().click();
  await thread().getByText(TITLE).waitFor();
  await window.shot("finding-thread-dark");
  assert.match(await thread().innerText(), /Error · off-by-one/);
  assert.equal(await thread().locator("img[src*='example.org']").count(), 0);
  assert.equal(await thread().locator("a[href^='command:'], a[data-href^='command:']").count(), 0);
});
