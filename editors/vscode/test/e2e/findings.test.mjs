// A review of unsaved code, and the life of its finding: Problems, the gutter, a reply in its thread, a fix that is requested and
// undone, dismissal, the suggestion. All tests use one window; each continues where the previous one ended.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, themes, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const files = { "read.py": "def read(path):\n    with open(path) as file:\n        pass\n" };
const TITLE = "The last line is dropped";
const CODE = "return file.readlines()[:-1]";
const finding = {
  path: "read.py",
  quote: CODE,
  severity: "error",
  title: TITLE,
  body: "`[:-1]` takes the **last** line away: see ![this](https://example.org/x.png) and [that](command:workbench.action.quit).",
  rule: "off-by-one",
  suggestion: "return list(file)",
};
const FIXED = "return file.readlines()  # all";

before(async () => {
  model = await startModel();
  editor = await startEditor({ files, model, shared: true });
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
const lines = () => window.page.locator(".monaco-editor .view-lines").first();
const card = () => panel.frame.locator(".finding");
const press = (key) => window.page.keyboard.press(key);

/** Puts the cursor into the first editor, at the start, with nothing selected. */
async function focusEditor() {
  await lines().locator(".view-line").first().click();
  await press("Control+Home");
}

async function openThread() {
  await focusEditor();
  await glyphs().first().click();
  await thread().getByText(TITLE).waitFor();
}

const threadButton = (name) => thread().getByRole("button", { name }).first();

async function waitUntilGone() {
  await until(async () => (await problems().count()) === 0 && (await glyphs().count()) === 0, "the finding to go");
}

async function waitUntilShown() {
  await problems().waitFor();
  await glyphs().first().waitFor();
  assert.equal(await problems().count(), 1);
  assert.equal(await glyphs().count(), 1);
}

it("a review of unsaved code puts its finding into Problems and the gutter", async () => {
  await window.open("read.py");
  await focusEditor();
  await window.page.keyboard.type("# never saved\n");
  await press("Control+End");
  await press("ArrowUp");
  await press("End");
  await press("Shift+Home");
  await window.page.keyboard.type(CODE);
  await press("Control+a");
  await model.script(call("report_finding", finding), { text: "One finding." });
  await window.command("Session: Review Selection");
  await panel.replies.getByText("One finding.").waitFor({ timeout: 60_000 });
  assert.match(JSON.stringify(model.requests[0]), /never saved/);
  await window.command("Problems: Focus on Problems View");
  await waitUntilShown();
  await window.shot("finding-problems-dark");
});

it("Problems shows only its title, and the hover shows its text as Markdown", async () => {
  assert.doesNotMatch(await problems().innerText(), /takes the/);
  await focusEditor();
  await lines().locator(".view-line", { hasText: "readlines" }).locator("span span").last().hover();
  const hover = window.page.locator(".monaco-hover:visible", { hasText: TITLE });
  await hover.locator("strong", { hasText: "last" }).waitFor();
  await hover.locator("code", { hasText: "[:-1]" }).first().waitFor();
  assert.doesNotMatch(await hover.innerText(), /\*\*/);
  assert.equal(await hover.locator("img[src*='example.org'], [data-href^='command:workbench.action.quit']").count(), 0);
  await press("Escape");
});

it("its thread shows its text, without images and command links", async () => {
  await openThread();
  assert.match(await thread().innerText(), /Error · off-by-one/);
  assert.equal(await thread().locator("img[src*='example.org']").count(), 0);
  assert.equal(await thread().locator("[href^='command:'], [data-href^='command:']").count(), 0);
  assert.match(await thread().locator("pre, .monaco-tokenized-source").first().innerText(), /return list\(file\)/);
  await window.shotInEachTheme("finding-thread");
});

it("a reply in the thread goes to the session with the finding and the unsaved code, and is answered there", async () => {
  await model.script({ text: "The slice ends before the **last** line, in every file.", delay: 0.2 });
  await thread().locator(".comment-form-container .monaco-editor, .comment-form .monaco-editor").first().click();
  await window.page.keyboard.type("Why *every* file?");
  await thread().locator(".form-actions .monaco-button", { hasText: "Reply" }).click();
  await thread().getByText("Writing…").waitFor();
  await until(async () => !(await thread().locator(".comment-form-container").innerText()).includes("Why"), "an empty text box");
  await window.shot("finding-replying-dark");
  await thread().getByText("The slice ends before").waitFor();
  await until(async () => !(await thread().innerText()).includes("Writing…"), "the reply to end");
  await thread().getByText("Why every file?").waitFor();
  await window.shot("finding-replied-dark");
  const message = JSON.stringify(model.requests.at(-1).messages.at(-1));
  for (const expected of ["Why *every* file?", TITLE, "off-by-one", CODE])
    assert.ok(message.includes(expected), `the model got: ${expected}`);
  assert.equal(await panel.replies.nth(1).locator(".author").innerText(), "review", "the agent that found it answers");
  await panel.replies.nth(1).getByText("The slice ends before").waitFor();
});

it("a requested fix is made in the editor, and the finding disappears", async () => {
  await model.script(
    call("read_file", { path: "read.py" }),
    call("edit_file", { path: "read.py", edits: [{ old: CODE, new: FIXED }] }),
    { text: "It reads all of it now." },
  );
  await threadButton("Fix with Agent").click();
  const allow = panel.frame.getByRole("button", { name: "Allow Once" });
  await allow.waitFor({ timeout: 60_000 });
  await window.shot("finding-fix-asked-dark");
  await allow.click();
  await panel.replies.getByText("It reads all of it now.").waitFor({ timeout: 60_000 });
  await until(async () => (await window.text()).includes(FIXED), "the edit");
  await waitUntilGone();
  await card().getByText("its code was not found").scrollIntoViewIfNeeded();
  await window.shot("finding-fixed-dark");
});

it("undo brings back the text, the finding and its replies", async () => {
  await focusEditor();
  await press("Control+z");
  await until(async () => (await window.text()).includes(CODE), "the old text");
  await waitUntilShown();
  assert.match(await window.text(), /never saved/, "nothing else was undone");
  await openThread();
  await thread().getByText("The slice ends before").waitFor();
  await press("Escape");
});

it("a finding is fixed when the fix is saved, and open again when the old code is saved", async () => {
  await focusEditor();
  await press("Control+y");
  await press("Control+s");
  await card().locator("vscode-badge", { hasText: "fixed" }).waitFor();
  await waitUntilGone();
  await press("Control+z");
  await press("Control+s");
  await card()
    .getByRole("button", { name: `Fix: ${TITLE}` })
    .waitFor();
  await waitUntilShown();
});

it("after a restart of the server the finding is shown once, and a draft in its thread is kept", async () => {
  await openThread();
  await thread().locator(".comment-form-container .monaco-editor, .comment-form .monaco-editor").first().click();
  await window.page.keyboard.type("half a thought");
  await window.command("Session: Restart Server");
  await until(async () => (await problems().count()) === 0, "the server to end");
  await waitUntilShown();
  const written = thread().getByText("half a thought");
  await written.click();
  await press("ControlOrMeta+A");
  await press("Delete");
  await thread().locator(".expand-review-action").first().click();
  await thread().waitFor({ state: "hidden" });
  await window.command("View: Focus Active Editor Group");
  await press("Control+Home");
});

it("a finding that is dismissed in its thread disappears, and can be reopened in the panel", async () => {
  await openThread();
  await threadButton("Dismiss").click();
  await waitUntilGone();
  await card().locator("vscode-badge", { hasText: "dismissed" }).scrollIntoViewIfNeeded();
  await window.shot("finding-dismissed-dark");
  const reopen = card().getByRole("button", { name: "Reopen" });
  await reopen.focus();
  await reopen.press("Enter");
  await waitUntilShown();
});

it("the panel's link goes to the current position of the code", async () => {
  await focusEditor();
  await window.page.keyboard.type("# one more\n");
  await card().getByRole("button", { name: "read.py:5" }).click();
  await until(
    async () => (await window.page.locator(".line-numbers.active-line-number").first().innerText()) === "5",
    "the line",
  );
  await focusEditor();
  await until(async () => {
    await press("Control+z");
    return !(await window.text()).includes("one more");
  }, "the line to go");
});

it("the diff editor shows what an edit changed, also after a reload", async () => {
  const show = panel.frame.getByRole("button", { name: /^Show Changes/ });
  await show.click();
  const diff = window.page.locator(".monaco-diff-editor");
  const contains = async (side, text) =>
    (await diff.locator(`.editor.${side} .view-lines:not(.line-delete)`).innerText()).replaceAll("\u00a0", " ").includes(text);
  const diffIsShown = () =>
    until(
      async () => (await diff.count()) > 0 && (await contains("original", CODE)) && (await contains("modified", FIXED)),
      "the change",
    );
  await diffIsShown();
  assert.ok(await contains("original", "def read(path):"), "the whole document");
  await window.shot("edit-changes-dark");
  await editor.settings({ "workbench.colorTheme": themes.light });
  await window.reload();
  await show.click({ timeout: 60_000 });
  await diffIsShown();
  await window.shot("edit-changes-light");
  await window.command("View: Close Editor");
});

it("the suggestion is applied from the panel", async () => {
  await window.command("Problems: Focus on Problems View");
  await waitUntilShown();
  await openThread();
  // The reply from before the window was reloaded.
  await thread().getByText("The slice ends before the last line").waitFor();
  await window.shot("finding-thread-light");
  await card().getByRole("button", { name: "Apply Suggestion" }).click();
  await until(async () => (await window.text()).includes("        return list(file)"), "the suggestion");
  await waitUntilGone();
  await window.shot("finding-applied-light");
});

it("a setting turns off the threads in the gutter", async () => {
  await focusEditor();
  await press("Control+z");
  await waitUntilShown();
  await editor.settings({ "sessionls.findings.threads": false });
  await window.reload();
  await window.command("Problems: Focus on Problems View");
  await problems().waitFor({ timeout: 60_000 });
  assert.equal(await glyphs().count(), 0);
});
