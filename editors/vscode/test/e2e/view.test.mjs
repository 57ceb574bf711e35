// The sessions view: the mark of replies that ended unseen, the actions of a row, interrupted replies, search, groups, export,
// side bars and long lists.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const words = (count) => Array.from({ length: count }, (_, at) => `word${at}`).join(" ");
const view = () => window.page.locator(".pane-body .monaco-list[aria-label='Sessions']");
const row = (title) => view().locator(".monaco-list-row", { hasText: title });
const action = (node, name) => node.locator(`.action-label[aria-label='Session: ${name}'], .action-label[aria-label='${name}']`);
const badge = () =>
  window.page
    .locator(".activitybar .action-item", { has: window.page.locator("[aria-label^='Sessions']") })
    .locator(".badge-content");

/** Focuses the list. A key pressed before the list has the focus would go elsewhere. */
async function focusList() {
  await window.command("Sessions: Focus on Sessions View");
  await until(() => view().evaluate((list) => list.contains(list.ownerDocument.activeElement)), "the list to have the focus");
}

/** Presses an arrow key until the row at this level has the focus. */
async function goTo(level, key) {
  const focusedRow = view().locator(`.monaco-list-row.focused[aria-level='${level}']`);
  await until(async () => {
    if ((await focusedRow.count()) > 0) return true;
    await window.page.keyboard.press(key);
    return false;
  }, `the focus at level ${level}`);
}

/** Clicks one of the actions that a row shows under the mouse. */
async function clickAction(node, name) {
  await node.hover();
  await action(node, name).click();
}

/** Opens the menu of a row and picks from it. A menu that has only just opened takes no click. */
async function choose(node, name) {
  await node.click({ button: "right" });
  const item = window.page.locator(".monaco-menu .action-item", { hasText: name }).first();
  await item.waitFor();
  await until(async () => {
    await item.click({ timeout: 1000 }).catch(() => undefined);
    return !(await item.isVisible());
  }, "the menu to take the click");
}

/** Picks from the list that a command shows. */
async function pick(name) {
  await window.page.locator(".quick-input-list .monaco-list-row", { hasText: name }).first().click();
}

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
  await window.page.locator(".activitybar .action-label[aria-label^='Sessions']").click();
  await window.page.locator(".welcome-view .monaco-button", { hasText: "New Session" }).click({ timeout: 60_000 });
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

it("a reply that ended unseen is marked in its row until it is seen, and does not count as needing you", async () => {
  await panel.ask("say: a needle in the beginning");
  await panel.text.fill(`slow: ${words(60)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").waitFor();
  await window.command("View: Close Editor");
  await row("replying").waitFor();
  const mark = row("needle").locator("[class*='itemBadge']");
  await until(async () => (await mark.count()) > 0, "the mark");
  assert.match(await row("needle").first().getAttribute("aria-label"), /new reply/);
  assert.equal(await badge().first().isVisible(), false);
  await window.shotInEachTheme("view-badge");
  await row("needle").click();
  await panel.text.waitFor();
  await until(async () => (await mark.count()) === 0, "the mark to go");
});

it("a row shows the actions Pause and Fork under the mouse, and none that removes it", async () => {
  const node = row("needle");
  await node.hover();
  const labels = await node
    .locator(".action-label:visible")
    .evaluateAll((elements) => elements.map((element) => element.getAttribute("aria-label")));
  assert.deepEqual(
    labels.map((label) => label.replace(/^Session: | \(.*\)$/g, "")),
    ["Pause", "Fork"],
  );
  await window.page.screenshot({ path: "../../tests/screenshots/vscode/view-hover-dark.png" });
});

it("a row shows an interrupted reply, and can resume it", async () => {
  await row("needle").first().click();
  await panel.frame.getByText("word59").last().waitFor();
  await panel.text.fill(`slow: ${words(100)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").getByText("word0").waitFor();
  assert.equal(editor.killServer(), 1);
  const stopped = row("interrupted");
  await stopped.waitFor({ timeout: 90_000 });
  await stopped.locator(".codicon-debug-disconnect").waitFor();
  await stopped.locator("[class*='itemBadge']").first().waitFor();
  await window.shotInEachTheme("view-interrupted");
  await clickAction(stopped, "Resume");
  await until(async () => (await row("interrupted").count()) === 0, "the reply to go on");
});

it("picking a search result scrolls to its message and highlights it", async () => {
  await row("needle").first().click();
  await panel.text.waitFor();
  for (let at = 0; at < 6; at += 1) await panel.ask(`say: line ${at}${"\\n\\nmore of it".repeat(8)}`);
  const title = panel.frame.locator("h1").first();
  const before = await title.boundingBox();
  await window.command("Session: Search…");
  await window.page.locator(".quick-input-widget:visible input").first().fill("needle beginning");
  await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "needle" }).first().click();
  const highlighted = panel.frame.locator(".message.revealed");
  await highlighted.waitFor();
  const hit = panel.frame.locator(`[data-id='${await highlighted.getAttribute("data-id")}']`);
  await window.shot("view-revealed-dark");
  assert.match(await hit.innerText(), /needle/);
  const [message, box] = [await hit.boundingBox(), await panel.frame.locator(".transcript").boundingBox()];
  assert.ok(message.y + message.height > box.y && message.y < box.y + box.height, "it is in sight");
  assert.deepEqual(await title.boundingBox(), before, "and nothing around the messages has moved");
  await highlighted.waitFor({ state: "hidden" });
});

it("a new session is listed after its first message, and an empty one is removed with its panel", async () => {
  const rows = () => view().locator(".monaco-list-row").count();
  const before = await rows();
  await window.command("Session: New");
  await window.page.locator(".tab.active", { hasText: "New session" }).waitFor();
  await panel.frame.getByText("Write a message to begin.").waitFor();
  assert.equal(await rows(), before);
  await window.command("View: Close Editor");
  await window.page.locator(".tab", { hasText: "New session" }).waitFor({ state: "hidden" });
  await window.command("Session: Refresh List");
  assert.equal(await rows(), before);
  await window.command("Session: New");
  await panel.frame.getByText("Write a message to begin.").waitFor();
  await panel.ask("say: kept");
  await row("say: kept").waitFor();
  assert.equal(await rows(), before + 1);
});

it("F2 and Delete act on the row that the arrow keys selected", async () => {
  await row("needle").first().click();
  await panel.frame.getByText("word99").last().waitFor({ timeout: 60_000 });
  await row("needle").first().click();
  await clickAction(row("needle").first(), "Fork");
  await view().locator(".monaco-list-row[aria-level='2']").waitFor();
  await row("needle").first().click();
  await panel.text.waitFor();
  await focusList();
  await goTo(2, "ArrowDown");
  await window.page.keyboard.press("F2");
  const input = window.page.locator(".quick-input-widget:visible input").first();
  await input.fill("The fork");
  await window.page.keyboard.press("Enter");
  const fork = view().locator(".monaco-list-row[aria-level='2']", { hasText: "The fork" });
  await fork.waitFor();
  await focusList();
  await goTo(1, "ArrowUp");
  await goTo(2, "ArrowDown");
  await window.page.keyboard.press("Delete");
  await fork.waitFor({ state: "hidden" });
  await row("needle").first().waitFor();
});

it("several sessions are archived together, and restored with Undo", async () => {
  for (const name of ["one of two", "two of two"]) {
    await window.command("Session: New");
    await panel.frame.getByText("Write a message to begin.").waitFor();
    await panel.ask(`say: ${name}`);
    await row(name).waitFor();
  }
  await row("one of two").click();
  await row("two of two").click({ modifiers: ["Control"] });
  await row("two of two").click({ button: "right" });
  const menu = window.page.locator(".monaco-menu");
  const archive = menu.locator(".action-item", { hasText: "Archive" }).first();
  await archive.waitFor();
  await window.shot("view-several-dark");
  assert.equal(await menu.locator(".action-item", { hasText: "Rename" }).count(), 0, "actions for one session are not offered");
  await until(async () => {
    await archive.click({ timeout: 1000 }).catch(() => undefined);
    return !(await archive.isVisible());
  }, "the menu to take the click");
  const note = window.notification("Archived 2 sessions.");
  await row("of two").first().waitFor({ state: "hidden" });
  await note.locator(".monaco-button", { hasText: "Undo" }).click();
  await until(async () => (await row("of two").count()) === 2, "both to come back");
});

it("pinned sessions come first, and the others are grouped by date or state", async () => {
  await choose(row("one of two"), "Pin");
  const rows = view().locator(".monaco-list-row");
  await until(async () => /^Pinned/.test(await rows.first().innerText()), "the heading of what is pinned");
  assert.match(await rows.nth(1).innerText(), /one of two/);
  await row("Today").waitFor();
  await window.shotInEachTheme("view-groups");
  await window.command("Session: Group By…");
  await pick("State");
  await row("Idle").waitFor();
  await window.command("Session: Group By…");
  await pick("Date");
  await choose(row("one of two"), "Unpin");
  await row("Pinned").waitFor({ state: "hidden" });
  await row("Today").waitFor({ state: "hidden" });
});

it("several sessions are exported into a folder, one file each", async () => {
  const folder = path.join(editor.tmp, "exported");
  fs.mkdirSync(folder);
  await row("one of two").click();
  await row("two of two").click({ modifiers: ["Control"] });
  await choose(row("two of two"), "Export");
  await pick("JSON");
  const input = window.page.locator(".quick-input-widget:visible input").first();
  const exportHere = window.page.locator(".quick-input-widget .monaco-button", { hasText: "Export Here" });
  await exportHere.waitFor();
  await until(async () => (await input.inputValue()).endsWith("/folder/"), "the dialog to be in the folder where it begins");
  await input.fill(`${folder}/`);
  await exportHere.click();
  await until(() => fs.readdirSync(folder).length === 2, "both files");
  assert.deepEqual(fs.readdirSync(folder).sort(), ["say one of two.json", "say two of two.json"]);
  assert.equal(JSON.parse(fs.readFileSync(path.join(folder, "say one of two.json"), "utf8")).session.title, "say: one of two");
});

it("a session opens in a side bar, stays there after a reload, and moves back into a tab", async () => {
  const tab = window.page.locator(".tab", { hasText: "one of two" });
  await row("one of two").click();
  await tab.first().waitFor();
  await window.command("View: Close Other Editors in Group");
  await panel.text.fill("a draft");
  await window.command("Session: Open in Secondary Side Bar");
  await tab.waitFor({ state: "hidden" });
  const side = window.page.locator(".part.auxiliarybar .pane-header, .part.auxiliarybar .composite.title");
  await until(async () => (await side.allInnerTexts()).join().includes("one of two"), "the title of the session");
  await until(async () => (await panel.text.inputValue()) === "a draft", "the draft to come along");
  await panel.text.fill("");
  await panel.ask("say: beside the code");
  await window.shotInEachTheme("side-secondary");
  await window.reload();
  await panel.frame.getByText("beside the code").last().waitFor({ timeout: 60_000 });
  await window.command("Session: Open in Side Bar");
  await until(async () => (await window.page.locator("iframe.webview.ready").count()) === 2, "the view that is empty now");
  await window.command("View: Hide Secondary Side Bar");
  await panel.text.waitFor();
  await window.page.locator(".part.sidebar .pane-header", { hasText: "one of two" }).first().waitFor();
  await window.shotInEachTheme("side-primary");
  await window.command("Session: Open in Editor");
  await tab.first().waitFor();
  await panel.text.waitFor();
});

it("a session opens in a separate window", async () => {
  const opened = window.page.context().waitForEvent("page", { timeout: 30_000 });
  await window.command("Session: Open in New Window");
  const page = await opened;
  await page.locator(".tab", { hasText: "one of two" }).waitFor();
  await page.close();
});

it("a long list loads more below its last row, and the filter finds sessions that are not loaded yet", async () => {
  editor.fill(120, "sessions");
  await window.command("Session: Refresh List");
  const titles = () => view().locator(".monaco-list-row .label-name").allInnerTexts();
  const more = view().locator(".monaco-list-row", { hasText: "Show More" });
  await row("Session number 119").waitFor();
  await window.command("Session: Filter…");
  await window.page.locator(".quick-input-widget:visible input").first().fill("number 5");
  await window.page.keyboard.press("Enter");
  await until(async () => (await titles()).includes("Session number 5"), "a session of the second page");
  await window.command("Session: Clear Filter");
  await row("Session number 119").waitFor();
  await window.command("Session: Open…");
  await window.page.locator(".quick-input-widget:visible input").first().fill("number 13");
  await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "Session number 13" }).first().click();
  await window.page.locator(".tab.active", { hasText: "Session number 13" }).waitFor();
  await focusList();
  await until(async () => {
    await window.page.keyboard.press("End");
    return more.isVisible();
  }, "the row for more sessions");
  await window.shotInEachTheme("view-more");
  await more.click();
  await until(async () => (await more.count()) === 0, "the list to be complete");
  await focusList();
  await until(async () => {
    await window.page.keyboard.press("End");
    return row("needle").first().isVisible();
  }, "the oldest session");
});

it("Open… keeps the selected session while results of the search arrive", async () => {
  await window.command("View: Close All Editors");
  assert.equal(editor.killServer("suspend"), 1);
  const rows = window.page.locator(".quick-input-list .monaco-list-row");
  const searching = window.page.locator(".quick-input-progress.active");
  const selected = rows.and(window.page.locator(".focused"));
  const box = window.page.locator(".quick-input-widget:visible input").first();
  let chosen;
  try {
    await window.command("Session: Open…");
    await window.page.locator(".quick-input-title", { hasText: "Open Session" }).waitFor();
    await box.fill("number 1");
    await rows.filter({ hasText: "Session number 1" }).nth(3).waitFor();
    await searching.waitFor({ state: "attached" });
    await box.press("ArrowDown");
    await box.press("ArrowDown");
    chosen = await selected.locator(".label-name").innerText();
  } finally {
    editor.killServer("resume");
  }
  await searching.waitFor({ state: "detached" });
  assert.equal(await selected.locator(".label-name").innerText(), chosen);
  await box.press("Enter");
  await window.page.locator(".tab.active", { hasText: chosen }).waitFor();
});
