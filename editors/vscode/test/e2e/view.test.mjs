// What the sessions view says and does: a reply that ended unseen, actions at hand and by key, what stopped, archived sessions, and the
// message that was searched for.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before } from "node:test";
import { startEditor, startModel, step, themes, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const words = (count) => Array.from({ length: count }, (_, at) => `word${at}`).join(" ");
const view = () => window.page.locator(".pane-body .monaco-list[aria-label='Sessions']");
const row = (title) => view().locator(".monaco-list-row", { hasText: title });
const titles = () => view().locator(".monaco-list-row .label-name").allInnerTexts();
const action = (node, name) => node.locator(`.action-label[aria-label='Session: ${name}'], .action-label[aria-label='${name}']`);
const badge = () =>
  window.page
    .locator(".activitybar .action-item", { has: window.page.locator("[aria-label^='Sessions']") })
    .locator(".badge-content");

/** Clicks one of the actions that a row shows under the mouse. */
async function act(node, name) {
  await node.hover();
  await action(node, name).click();
}

/** Opens a session from the list, and goes back to the list. */
async function pick(node) {
  await node.click();
  const writing = () => panel.text.evaluate((element) => element === document.activeElement && document.hasFocus());
  await until(writing, "the focus to go into the composer");
  await window.command("Focus on Sessions View");
  await window.page
    .locator(".pane-body .monaco-list[aria-label='Sessions']:focus-within, .pane-body .monaco-list[aria-label='Sessions']:focus")
    .waitFor();
}

async function fromTitle(name) {
  await window.page
    .locator(".pane-header, .composite.title")
    .locator(".action-label[aria-label='Views and More Actions...'], .action-label[aria-label^='More Actions']")
    .first()
    .click();
  const item = window.page.locator(".monaco-menu .action-item", { hasText: name }).first();
  await item.waitFor();
  await until(async () => {
    await item.click({ timeout: 1000 }).catch(() => undefined);
    return !(await item.isVisible());
  }, "the menu to take the click");
}

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model });
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

it("a reply that ends while nobody sees it is counted, until it is seen", async () => {
  await panel.ask("say: a needle in the beginning");
  await panel.text.fill(`slow: ${words(60)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").waitFor();
  await window.command("View: Close Editor");
  await row("replying").waitFor();
  assert.equal(await badge().count(), 0, "a reply that is being written has not ended");
  await until(async () => (await badge().count()) === 1 && (await badge().innerText()) === "1", "the badge");
  await until(async () => (await row("replying").count()) === 0, "the row to say so too");
  await window.shot("view-badge-dark");
  await row("needle").click();
  await panel.text.waitFor();
  await until(
    async () =>
      !(await badge()
        .isVisible()
        .catch(() => false)),
    "the badge to go",
  );
});

it("each action of a row is at hand under the mouse, and no more than five", async () => {
  const node = row("needle");
  await node.hover();
  const shown = await node
    .locator(".action-label:visible")
    .evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
  assert.deepEqual(
    shown.map((one) => one.replace(/^Session: | \(.*\)$/g, "")),
    ["Pause", "Fork", "Rename…", "Archive", "Delete"],
  );
  await window.page.screenshot({ path: "../../tests/screenshots/vscode/view-hover-dark.png" });
});

it("a row is renamed and deleted by key, and Undo brings it back", async () => {
  await act(row("needle"), "Fork");
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
  await until(async () => (await titles()).length === 2, "the fork");
  await pick(view().locator(".monaco-list-row[aria-level='2']"));
  await window.page.keyboard.press("F2");
  const input = window.page.locator(".quick-input-widget:visible input").first();
  await input.fill("A branch");
  await window.page.keyboard.press("Enter");
  await pick(row("A branch"));
  await window.page.keyboard.press("Delete");
  await until(async () => (await titles()).length === 1, "the row to go");
  await window.page
    .locator(".notification-list-item", { hasText: "Deleted" })
    .locator(".monaco-button", { hasText: "Undo" })
    .click();
  await row("A branch").waitFor();
});

it("the menu of a row opens by key", async () => {
  await pick(row("A branch"));
  await window.page.keyboard.press("Shift+F10");
  await window.page.locator(".monaco-menu .action-item", { hasText: "Switch Agent" }).waitFor();
  await window.page.keyboard.press("Escape");
});

it("a reply that was interrupted shows so in its row, and is gone on with from there", async () => {
  await row("needle").first().click();
  await panel.frame.getByText("word59").last().waitFor();
  await panel.text.fill(`slow: ${words(100)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").getByText("word0").waitFor();
  kill(editor.tmp);
  const stopped = row("interrupted");
  await stopped.waitFor({ timeout: 90_000 });
  await stopped.locator(".codicon-debug-disconnect").waitFor();
  await window.shot("view-interrupted-dark");
  await act(stopped, "Resume");
  await until(async () => (await row("interrupted").count()) === 0, "the reply to go on");
});

it("a reply that failed shows so in its row", async () => {
  await row("A branch").click();
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
  await panel.text.fill("fail: 401");
  await panel.sent();
  await row("failed").locator(".codicon-error").waitFor();
});

it("archived sessions are listed where one asks for them, dimmed, and come back", async () => {
  await act(row("A branch"), "Archive");
  await until(async () => (await row("A branch").count()) === 0, "the session to leave the list");
  await fromTitle("Show Archived");
  await row("A branch").getByText("archived").waitFor();
  for (const [name, theme] of Object.entries(themes)) {
    await editor.settings({ "workbench.colorTheme": theme });
    await window.reload();
    await row("needle").first().waitFor({ timeout: 60_000 });
    await fromTitle("Show Archived");
    await row("A branch").getByText("archived").waitFor();
    await window.shot(`view-archived-${name}`);
  }
  await act(row("A branch"), "Unarchive");
  await until(async () => (await row("archived").count()) === 0, "the session to be archived no more");
});

it("a message that is picked among the hits is scrolled to, and stands out", async () => {
  await row("needle").first().click();
  await panel.text.waitFor();
  for (let at = 0; at < 6; at += 1) await panel.ask(`say: line ${at}${"\\n\\nmore of it".repeat(8)}`);
  await window.command("Session: Search…");
  await window.page.locator(".quick-input-widget:visible input").first().fill("needle beginning");
  await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "needle" }).first().click();
  const found = panel.frame.locator(".message.revealed");
  await found.waitFor();
  const shown = panel.frame.locator(`[id='${await found.getAttribute("id")}']`);
  await window.shot("view-revealed-dark");
  assert.match(await shown.innerText(), /needle/);
  const [message, box] = [await shown.boundingBox(), await panel.frame.locator(".transcript").boundingBox()];
  assert.ok(message.y + message.height > box.y && message.y < box.y + box.height, "it is in sight");
  await found.waitFor({ state: "hidden" });
});

/** Kills the server of this test alone: the one whose sessions are in this folder. */
function kill(tmp) {
  const listed = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n");
  for (const line of listed) {
    const found = /^\s*(\d+) .*sessionls serve/.exec(line);
    if (found && environment(found[1]).includes(tmp)) process.kill(Number(found[1]), "SIGKILL");
  }
}

function environment(pid) {
  try {
    return execFileSync("cat", [`/proc/${pid}/environ`], { encoding: "utf8" });
  } catch {
    return "";
  }
}
