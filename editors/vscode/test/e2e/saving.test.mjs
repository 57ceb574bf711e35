// An agent's edits are saved, so that programs see them, and can be undone in the editor; a person's changes are not saved for them.
// A command that fails is shown as failed.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const files = {
  "clean.py": "one = 1\n",
  "closed.py": "two = 2\n",
  "mixed.txt": "first\r\nsecond\nthird\r\n",
  "typed.py": "three = 3\n",
};

before(async () => {
  model = await startModel();
  const env = { SESSIONLS_PERMISSIONS: '{"write": "allow", "execute": "allow"}' };
  editor = await startEditor({ files, model, env, shared: true });
  window = await editor.window();
  panel = window.panel;
  // Before the session, so that it opens beside them.
  for (const file of ["typed.py", "mixed.txt", "clean.py"]) await window.open(file);
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const call = (name, args) => ({ tools: [{ name, arguments: args }] });
const readFile = (file) => call("read_file", { path: file });
const edit = (file, old, text) => call("edit_file", { path: file, edits: [{ old, new: text }] });
const run = (command) => call("run_command", { command });
const onDisk = (file) => fs.readFileSync(path.join(editor.folder, file), "utf8");
const tab = (file) => window.page.locator(".tab", { hasText: file });
const dirty = (file) => window.page.locator(".tab.dirty", { hasText: file });

/** Has the agent make these calls. Returns its reply in the panel, and the lines of its tools there. */
async function runCalls(...calls) {
  await model.script(...calls, { text: "Done." });
  const before = await panel.replies.count();
  await panel.text.fill("Go on");
  await panel.text.press("Enter");
  const reply = await panel.finishedReply(before);
  return { reply, tools: reply.locator(".tool") };
}

/** Expands the line of a tool, and returns its result. */
async function resultOf(tool) {
  await tool.locator("summary").first().click();
  return (await tool.locator("pre").last().innerText()).replaceAll("\u00a0", " ");
}

it("an edit of an open file is saved for commands, and can be undone in the editor", async () => {
  const { tools } = await runCalls(
    readFile("clean.py"),
    edit("clean.py", "one = 1", "one = 11"),
    run("grep -c 'one = 11' clean.py"),
  );
  assert.equal((await resultOf(tools.nth(2))).trim(), "Exit code 0.\n1");
  assert.equal((await resultOf(tools.nth(1))).trim(), "Edited clean.py: 1 replacement (line 1).");
  assert.equal(onDisk("clean.py"), "one = 11\n");
  assert.match(await window.text(), /^one = 11/);
  assert.equal(await dirty("clean.py").count(), 0);
  await window.page.locator(".monaco-editor .view-line").first().click();
  await window.page.keyboard.press("Control+z");
  await until(async () => /^one = 1(\n|$)/.test(await window.text()), "the edit to be reverted");
  await dirty("clean.py").waitFor();
  await window.page.keyboard.press("Control+s");
  await until(() => onDisk("clean.py") === "one = 1\n", "the file as it was");
});

it("an edit of a file that is not open is saved, without an unsaved tab", async () => {
  await runCalls(readFile("closed.py"), edit("closed.py", "two = 2", "two = 22"));
  assert.equal(onDisk("closed.py"), "two = 22\n");
  assert.equal(await window.page.locator(".tab.dirty").count(), 0);
});

it("a new file has its text on disk", async () => {
  const { tools } = await runCalls(call("create_file", { path: "new/b.txt", text: "seven!\n" }), run("wc -c < new/b.txt"));
  assert.match(await resultOf(tools.nth(1)), /^Exit code 0\.\s+7\s*$/);
  assert.equal(await window.page.locator(".tab.dirty").count(), 0);
});

it("an edit of a file with mixed line ends, which VS Code normalises, counts as saved", async () => {
  const { tools } = await runCalls(readFile("mixed.txt"), edit("mixed.txt", "second", "zweite"), run("grep -c zweite mixed.txt"));
  assert.equal((await resultOf(tools.nth(1))).trim(), "Edited mixed.txt: 1 replacement (line 2).");
  assert.equal((await resultOf(tools.nth(2))).trim(), "Exit code 0.\n1");
  assert.equal(await dirty("mixed.txt").count(), 0);
});

it("a person's unsaved changes are not saved for them, and the tools say so", async () => {
  await tab("typed.py").click();
  await window.page.locator(".monaco-editor .view-line", { hasText: "three" }).click();
  await window.page.keyboard.press("Control+Home");
  await window.page.keyboard.type("# never saved\n");
  await dirty("typed.py").waitFor();
  const { tools } = await runCalls(readFile("typed.py"), edit("typed.py", "three = 3", "three = 33"), run("cat typed.py"));
  assert.match(await resultOf(tools.nth(1)), /It is not saved, because typed\.py had unsaved changes before/);
  const output = await resultOf(tools.nth(2));
  assert.match(output, /^Exit code 0\.\s+three = 3\s+\[Unsaved changes in the editor, which this did not see: typed\.py\./);
  assert.equal(onDisk("typed.py"), "three = 3\n");
  assert.match(await window.text(), /# never saved\nthree = 33/);
  await dirty("typed.py").waitFor();
  assert.equal(await tab("typed.py").count(), 1);
});

it("the changes of a reply are counted, reviewed, reverted and restored", async () => {
  await window.page.locator(".monaco-workbench").press("Escape");
  const { reply } = await runCalls(
    readFile("closed.py"),
    call("create_file", { path: "made.py", text: "a = 1\nb = 2\n" }),
    edit("closed.py", "two = 22", "two = 222"),
  );
  const changes = reply.locator(".changes");
  await changes.getByText("2 files changed").waitFor();
  await changes.getByRole("button", { name: "Undo All" }).waitFor();
  assert.match(await changes.locator("header").innerText(), /\+3 −1/);
  await changes.scrollIntoViewIfNeeded();
  await window.shotInEachTheme("changes");
  await changes.getByRole("button", { name: "Review Changes" }).click();
  await window.page.locator(".multiDiffEntry").nth(1).waitFor();
  await window.shot("changes-review-dark");
  assert.ok(await panel.text.isVisible(), "the session is not covered");
  assert.equal(await window.page.locator(".editor-group-container:visible").count(), 2);
  await window.command("View: Close Editor");
  await changes.getByRole("button", { name: "Undo: closed.py" }).click();
  await until(() => onDisk("closed.py") === "two = 22\n", "the one file to be as it was");
  await changes.locator("li", { hasText: "closed.py" }).getByText("reverted").waitFor();
  assert.ok(fs.existsSync(path.join(editor.folder, "made.py")), "and the other not");
  await changes.getByRole("button", { name: "Undo All" }).click();
  await until(() => !fs.existsSync(path.join(editor.folder, "made.py")), "the new file to go");
  const note = window.notification("Reverted the changes by agents in made.py");
  await note.locator(".monaco-button", { hasText: "Restore" }).click();
  await until(() => fs.existsSync(path.join(editor.folder, "made.py")), "the new file to come back");
  await changes.getByRole("button", { name: "Undo All" }).waitFor();
  await window.shot("changes-reverted-dark");
  const message = panel.frame.locator(".message.participant").last();
  await message.hover();
  await message.getByRole("button", { name: "Undo Changes Since Here" }).click();
  const dialog = window.page.locator(".monaco-dialog-box");
  await dialog.getByText("Revert the changes by agents in 1 file since this message?").waitFor();
  await dialog.getByRole("button", { name: "Undo Changes" }).click();
  await until(() => !fs.existsSync(path.join(editor.folder, "made.py")), "all changes since the message to be reverted");
  await changes.locator("li", { hasText: "made.py" }).getByText("reverted").waitFor();
});

it("a single hunk of a file is reverted", async () => {
  const lines = Array.from({ length: 30 }, (_, at) => `line ${at}`);
  fs.writeFileSync(path.join(editor.folder, "long.py"), `${lines.join("\n")}\n`);
  const { reply } = await runCalls(
    readFile("long.py"),
    edit("long.py", "line 2\n", "line two\n"),
    edit("long.py", "line 27", "line last"),
  );
  const changes = reply.locator(".changes");
  await changes.getByText("2 hunks").click();
  const hunks = changes.locator(".hunks ol > li");
  await until(async () => (await hunks.count()) === 2, "both hunks");
  assert.match(await hunks.first().locator(".patch-added").innerText(), /line two/);
  await changes.scrollIntoViewIfNeeded();
  await window.shotInEachTheme("changes-hunks");
  await hunks.first().getByRole("button", { name: /^Undo/ }).click();
  await until(() => /line 2\n/.test(onDisk("long.py")), "the first hunk to be reverted");
  assert.match(onDisk("long.py"), /line last/, "and the other not");
  await hunks.first().getByText("reverted").waitFor();
});

it("a command with an exit code other than 0 is shown as failed, with its code", async () => {
  const { reply, tools } = await runCalls(run("echo broken; exit 3"));
  const line = tools.first().locator("summary");
  assert.match(await tools.first().getAttribute("class"), /\bfailed\b/);
  assert.equal(await line.locator(".codicon-error").count(), 1);
  assert.match(await line.innerText(), /Ran\s+echo broken; exit 3\s+exit 3/);
  await reply.scrollIntoViewIfNeeded();
  await window.shotInEachTheme("command-failed");
  assert.match(await resultOf(tools.first()), /^Exit code 3\.\s+broken/);
});
