// What the sessions view says and does: a reply that ended unseen, actions at hand, what was interrupted, and the message that was
// searched for.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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

/** Clicks one of the actions that a row shows under the mouse. */
async function act(node, name) {
  await node.hover();
  await action(node, name).click();
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
  await until(async () => (await badge().count()) === 1 && (await badge().innerText()) === "1", "the badge");
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

it("a message that is picked among the hits is scrolled to, and stands out", async () => {
  await row("needle").first().click();
  await panel.text.waitFor();
  for (let at = 0; at < 6; at += 1) await panel.ask(`say: line ${at}${"\\n\\nmore of it".repeat(8)}`);
  await window.command("Session: Search…");
  await window.page.locator(".quick-input-widget:visible input").first().fill("needle beginning");
  await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "needle" }).first().click();
  const found = panel.frame.locator(".message.revealed");
  await found.waitFor();
  const shown = panel.frame.locator(`[data-id='${await found.getAttribute("data-id")}']`);
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
