// Where the server's settings ask for it, VS Code previews each edit of an agent: it is made when the person applies it, and not
// when they discard it.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  const env = { SESSIONLS_CONFIRM_EDITS: "true", SESSIONLS_PERMISSIONS: '{"write": "allow"}' };
  editor = await startEditor({ files: { "a.py": "one = 1\ntwo = 2\n", "gone.py": "old = 0\n" }, model, env, shared: true });
  window = await editor.window();
  panel = window.panel;
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const call = (name, args) => ({ tools: [{ name, arguments: args }] });
const button = (name) => window.page.locator(".panel").getByRole("button", { name, exact: true });
/** Ticks and applies everything in the preview. */
async function apply() {
  await window.page.locator(".panel .monaco-list-row .edit-checkbox").first().click();
  await button("Apply").click();
}
const edits = () => panel.frame.locator(".card.edit");

/** Has the agent do something that is previewed. Returns the index of its reply. */
async function requestEdit(...answers) {
  const index = await panel.replies.count();
  await model.script(...answers);
  await panel.text.fill("Change it");
  await panel.text.press("Enter");
  await button("Discard").waitFor({ timeout: 60_000 });
  return index;
}

it("an edit of unsaved code is previewed, and is made when the person applies it", async () => {
  await window.open("a.py");
  await window.page.locator(".monaco-editor .view-line").first().click();
  await window.page.keyboard.press("Control+Home");
  await window.page.keyboard.type("# never saved\n");
  await window.command("Session: New");
  await panel.text.waitFor();
  const reply = await requestEdit(
    call("read_file", { path: "a.py" }),
    call("edit_file", { path: "a.py", edits: [{ old: "two = 2", new: "two = 3" }] }),
    { text: "Changed." },
  );
  assert.doesNotMatch(await window.text(), /two = 3/, "nothing is changed before");
  await window.notification("tick it in Refactor Preview").waitFor();
  await window.shot("preview-dark");
  await apply();
  await panel.finishedReply(reply);
  await until(async () => /# never saved\s+one = 1\s+two = 3/.test(await window.text()), "the edit");
  assert.equal(await edits().getByText("not applied").count(), 0);
  const lines = panel.replies.nth(reply).locator(".tool > summary");
  assert.deepEqual(await lines.evaluateAll((elements) => elements.map((element) => element.title)), [
    "Read a.py: 3 lines",
    "Edited a.py: +1 −1",
  ]);
  assert.match(await edits().first().innerText(), /\+1 −1/);
  await window.shotInEachTheme("tool-lines");
});

it("a discarded edit is not made, and the agent is told", async () => {
  const reply = await requestEdit(call("edit_file", { path: "a.py", edits: [{ old: "two = 3", new: "two = 4" }] }), {
    text: "A pity.",
  });
  await button("Discard").click();
  await panel.finishedReply(reply);
  assert.match(await window.text(), /two = 3/);
  await edits().nth(1).getByText("not applied").waitFor();
  assert.match(
    JSON.stringify(model.requests.at(-1).messages.at(-1)),
    /did not make the change: It was discarded or not ticked in the refactor preview/,
  );
  await window.shot("preview-discarded-dark");
});

it("a discarded edit can still be shown as a diff", async () => {
  await edits()
    .nth(1)
    .getByRole("button", { name: /^Show Changes/ })
    .click();
  const diff = window.page.locator(".monaco-diff-editor");
  const side = (name) => diff.locator(`.editor.${name} .view-lines:not(.line-delete)`);
  await side("modified").getByText("4").first().waitFor();
  await window.page.locator(".tab", { hasText: "as it was ↔ as proposed" }).waitFor();
  assert.match((await side("original").innerText()).replaceAll("\u00a0", " "), /two = 3/);
  await window.shot("edit-proposed-dark");
  await window.command("View: Close Editor");
});

it("new and deleted files are previewed too", async () => {
  const created = await requestEdit(call("create_file", { path: "new/b.py", text: "b = 1\n" }), { text: "Made." });
  await window.shot("preview-create-dark");
  await apply();
  await panel.finishedReply(created);
  await until(() => fs.existsSync(path.join(editor.folder, "new", "b.py")), "the new file");
  const kept = await requestEdit(call("delete_file", { path: "gone.py" }), { text: "Deleted." });
  await button("Discard").click();
  await panel.finishedReply(kept);
  assert.ok(fs.existsSync(path.join(editor.folder, "gone.py")));
  const deleted = await requestEdit(call("delete_file", { path: "gone.py" }), { text: "Deleted." });
  await apply();
  await panel.finishedReply(deleted);
  await until(() => !fs.existsSync(path.join(editor.folder, "gone.py")), "the file to go");
});

/** Has the agent ask for a permission. Returns the index of its reply. */
async function requestPermission(...answers) {
  const index = await panel.replies.count();
  await model.script(...answers);
  await panel.text.fill("Do it");
  await panel.text.press("Enter");
  await panel.frame.locator(".question").waitFor({ timeout: 60_000 });
  return index;
}
const answers = () => panel.frame.locator(".question .buttons vscode-button");
const deny = async (reply) => {
  await panel.frame.getByRole("button", { name: /^Deny/ }).click();
  await panel.finishedReply(reply);
};

it("a long question puts Show All and Deny before Allow, and opens in full", async () => {
  const command = Array.from({ length: 60 }, (_, at) => `echo line ${at}`).join("\n");
  const reply = await requestPermission(call("run_command", { command }), { text: "A pity." });
  assert.deepEqual((await answers().allInnerTexts()).slice(0, 3), ["Show All", "Deny", "Allow Once"]);
  await window.shotInEachTheme("question-long");
  await panel.frame.getByRole("button", { name: /^Show All/ }).click();
  await window.page.locator(".tab", { hasText: "question.txt" }).waitFor();
  await until(async () => /line 1\b/.test(await window.text()), "the whole command");
  await window.command("View: Close Editor");
  await deny(reply);
});

it("a question about a file shows a coloured diff, and opens in the diff editor", async () => {
  const reply = await requestPermission(call("create_file", { path: "Makefile", text: "all:\n\techo hello\n" }), {
    text: "A pity.",
  });
  assert.equal(await panel.frame.locator(".question .patch-added").count(), 2);
  assert.deepEqual((await answers().allInnerTexts()).slice(-2), ["Deny", "Always…"]);
  await window.shotInEachTheme("question-diff");
  await panel.frame.getByRole("button", { name: /^Open Diff/ }).click();
  await window.page.locator(".monaco-diff-editor").getByText("hello").first().waitFor();
  await window.shot("question-diff-open-dark");
  await window.command("View: Close Editor");
  await deny(reply);
  assert.ok(!fs.existsSync(path.join(editor.folder, "Makefile")));
});

it("a permanent permission is not asked for again until it is removed", async () => {
  const picked = (name) => window.page.locator(".quick-input-list .monaco-list-row", { hasText: name }).first();
  const command = { tools: [{ name: "run_command", arguments: { command: "echo kept" } }] };
  const reply = await requestPermission(command, { text: "Ran." });
  await panel.frame.getByRole("button", { name: /^Always allow/ }).click();
  await picked("Not Now").waitFor();
  await window.shot("always-dark");
  await window.page.keyboard.press("Enter");
  await picked("Not Now").waitFor({ state: "hidden" });
  assert.equal(await panel.frame.locator(".question").count(), 1, "the first of the choices keeps nothing");
  await panel.frame.getByRole("button", { name: /^Always allow/ }).click();
  await picked("Always in This Folder").click();
  await panel.finishedReply(reply);
  await window.command("Session: New");
  await panel.frame.getByText("Write a message to begin.").waitFor();
  await model.script(command, { text: "Ran again." });
  await panel.text.fill("Do it");
  await panel.text.press("Enter");
  await panel.finishedReply(0);
  assert.match(await panel.replies.first().innerText(), /Ran again/);
  await window.command("Session: Permissions");
  const permissions = window.page.locator(".pane", { has: window.page.getByRole("heading", { name: "Permissions" }) });
  const permission = permissions.getByRole("treeitem", { name: /echo kept/ });
  await permission.waitFor();
  await window.shot("permissions-dark");
  await permission.hover();
  await permission.getByRole("button", { name: "Remove Permission" }).click();
  await permissions.getByText("None. Agents ask each time").waitFor();
});
