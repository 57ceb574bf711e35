// The sessions view and the commands in real VS Code: begin, rename, fork, pause, filter, search, archive, delete with undo, review.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const files = { "read.py": "def read(path):\n    return open(path).readlines()[:-1]\n" };

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

const view = () => window.page.locator(".pane-body .monaco-list[aria-label='Sessions']");
const row = (title) => view().locator(".monaco-list-row", { hasText: title });
const titles = () => view().locator(".monaco-list-row .label-name").allInnerTexts();

async function answer(text) {
  const input = window.page.locator(".quick-input-widget:visible input").first();
  await input.waitFor();
  await input.fill(text);
  await window.page.keyboard.press("Enter");
}

async function menu(node, action) {
  await node.click({ button: "right" });
  const item = window.page.locator(".monaco-menu .action-item", { hasText: action }).first();
  await item.waitFor();
  // A menu that has only just opened takes no click.
  await until(async () => {
    await item.click({ timeout: 1000 }).catch(() => undefined);
    return !(await item.isVisible());
  }, "the menu to take the click");
}

it("an empty view explains sessions, and starts one", async () => {
  await window.page.locator(".activitybar .action-label[aria-label^='Sessions']").click();
  const begin = window.page.locator(".welcome-view .monaco-button", { hasText: "New Session" });
  await begin.waitFor({ timeout: 60_000 });
  await window.shotInEachTheme("view-empty");
  await begin.click();
  await panel.text.waitFor();
  await panel.ask("say: The first answer with an elephant");
  await until(
    async () => (await titles()).some((title) => title.includes("elephant")),
    "the session, named after its first message",
  );
});

it("a session is renamed from its menu", async () => {
  const [title] = await titles();
  await menu(row(title), "Rename");
  await answer("Elephants");
  await row("Elephants").waitFor();
});

it("a fork is listed below its parent", async () => {
  await menu(row("Elephants"), "Fork");
  await until(async () => (await titles()).length === 2, "the fork in the view");
  const levels = await view()
    .locator(".monaco-list-row")
    .evaluateAll((rows) => rows.map((element) => element.getAttribute("aria-level")));
  assert.deepEqual(levels, ["1", "2"]);
});

it("a paused session is shown as paused until it is resumed", async () => {
  const parent = view().locator(".monaco-list-row[aria-level='1']");
  await parent.hover();
  await parent.locator(".action-label[aria-label^='Session: Pause'], .action-label[aria-label^='Pause']").click();
  await until(async () => /paused/.test(await parent.innerText()), "the session to be paused");
  await window.shotInEachTheme("view");
  await parent.hover();
  await parent.locator(".action-label[aria-label='Session: Resume'], .action-label[aria-label='Resume']").click();
  await until(async () => !/paused/.test(await parent.innerText()), "the session to be resumed");
});

it("search finds the text of a message", async () => {
  await window.command("Session: Search…");
  const input = window.page.locator(".quick-input-widget:visible input").first();
  await input.fill("elephant");
  const hit = window.page.locator(".quick-input-list .monaco-list-row", { hasText: "elephant" }).first();
  await hit.waitFor();
  await window.shot("search-dark");
  await window.page.keyboard.press("Escape");
  await input.waitFor({ state: "hidden" });
});

it("the view is filtered, and shows all again", async () => {
  await window.command("Session: Filter…");
  await answer("nothing like that");
  await window.page.locator(".pane-body", { hasText: "No session matches “nothing like that”." }).waitFor();
  await window.command("Session: Clear Filter");
  await row("Elephants").first().waitFor();
});

it("Undo brings back a deleted session", async () => {
  const fork = view().locator(".monaco-list-row[aria-level='2']");
  await menu(fork, "Delete");
  await until(async () => (await titles()).length === 1, "the session to leave the view");
  await window.notification("Deleted").locator(".monaco-button", { hasText: "Undo" }).click();
  await until(async () => (await titles()).length === 2, "the session to come back");
});

it("Review File sends the file to the review agent", async () => {
  await window.page.locator(".activitybar .action-label[aria-label^='Explorer']").click();
  await window.open("read.py");
  await window.command("Session: Review File");
  await until(
    () => model.requests.some((request) => JSON.stringify(request.messages).includes("Review this file.")),
    "the model to be asked",
  );
  const request = model.requests.findLast((request) => JSON.stringify(request.messages).includes("Review this file."));
  assert.match(JSON.stringify(request.messages), /readlines/, "the file went along");
  assert.match(JSON.stringify(request.system), /review/i);
});

it("while the server starts, the view says that it loads and never that it is empty, and then lists the sessions", async () => {
  await window.command("Sessions: Focus on Sessions View");
  await row("Elephants").first().waitFor();
  const release = editor.holdServers();
  try {
    await window.reload();
    const texts = window.page.locator(".welcome-view-content");
    await texts.filter({ hasText: "Loading sessions…" }).waitFor({ timeout: 60_000 });
    await window.page.locator(".part.sidebar .monaco-progress-container.active").first().waitFor();
    await window.shot("view-loading-dark");
    // Notes whether the text of an empty view appears, however briefly.
    await window.page.evaluate((empty) => {
      const note = () => (globalThis.wasEmpty ||= globalThis.document.body.innerText.includes(empty));
      globalThis.wasEmpty = false;
      note();
      new globalThis.MutationObserver(note).observe(globalThis.document.body, { childList: true, subtree: true });
    }, "A session is a conversation");
  } finally {
    release();
  }
  await row("Elephants").first().waitFor({ timeout: 60_000 });
  assert.equal(await window.page.evaluate(() => globalThis.wasEmpty), false);
});
