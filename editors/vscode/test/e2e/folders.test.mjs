// A workspace of two folders: New asks for the folder of a session; the list shows the sessions of all current folders.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window;
const it = (name, run) => step(name, () => window, run);
const view = () => window.page.locator(".pane-body .monaco-list[aria-label='Sessions']");
const titles = () => view().locator(".monaco-list-row .label-name").allInnerTexts();
const picker = () => window.page.locator(".quick-input-list .monaco-list-row");

before(async () => {
  model = await startModel();
  editor = await startEditor({
    files: { "one/a.md": "one\n", "two/b.md": "two\n", "three/c.md": "three\n" },
    folders: ["one", "two"],
    model,
  });
  window = await editor.window();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

/** Begins a session for a folder, and sends its first message, which names it. */
async function begin(folder, name) {
  await window.command("Session: New");
  const choice = picker().filter({ hasText: folder }).first();
  await choice.waitFor();
  if (folder === "one") await window.shot("folders-new-dark");
  await choice.click();
  const { panel } = window;
  await panel.frame.getByText("Write a message to begin.").waitFor();
  await panel.ask(`say: ${name}`);
  await window.command("View: Close Editor");
}

it("a new session asks for its folder, and sessions of both are listed", async () => {
  await window.page.locator(".activitybar .action-label[aria-label^='Sessions']").click();
  await window.page.locator(".welcome-view .monaco-button", { hasText: "New Session" }).waitFor({ timeout: 60_000 });
  await begin("one", "about the one");
  await begin("two", "about the two");
  await until(async () => (await titles()).length === 2, "both sessions");
  await window.shot("folders-dark");
});

it("removing a folder removes its sessions from the list", async () => {
  await window.command("Workspaces: Remove Folder from Workspace");
  await picker().filter({ hasText: "two" }).first().click();
  await until(async () => (await titles()).join() === "say: about the one", "the session of the other folder alone");
});

it("adding a folder adds its sessions to the list", async () => {
  await window.command("Workspaces: Add Folder to Workspace");
  const input = window.page.locator(".quick-input-widget:visible input").first();
  await input.waitFor();
  // It fills itself with the folder that it starts in, and accepts no other folder before that.
  await until(async () => (await input.inputValue()).includes("/folder/"), "the folder that the dialog starts in");
  await input.fill(`${editor.folder}/two/`);
  const add = window.page.locator(".quick-input-widget:visible .monaco-button", { hasText: "Add" });
  await until(async () => {
    await add.click({ timeout: 1000 }).catch(() => undefined);
    return !(await add.isVisible());
  }, "the dialog to take the folder");
  await until(async () => (await titles()).length === 2, "the sessions of both folders again");
  assert.deepEqual((await titles()).sort(), ["say: about the one", "say: about the two"]);
});

it("a review of changes without a repository says so, and creates no session", async () => {
  await window.command("Session: Review Changes");
  await window.page.getByText("No workspace folder is in a git repository.").first().waitFor();
  await until(async () => (await window.page.locator(".tab", { hasText: "New session" }).count()) === 0, "the panel to go");
  assert.deepEqual((await titles()).sort(), ["say: about the one", "say: about the two"]);
});
