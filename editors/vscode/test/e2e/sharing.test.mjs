// Two windows in the same session: two extension hosts and two servers, which share the sessions.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step } from "./editor.mjs";

let model, editor, first, second;
const it = (name, run) => step(name, () => second ?? first, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model });
  first = await editor.window();
  await first.command("Session: New");
  await first.panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

it("a window that opens the session later shows its earlier messages", async () => {
  await first.panel.ask("say: before the other came");
  second = await editor.window();
  await second.command("Session: Open…");
  await second.page.locator(".quick-input-list .monaco-list-row", { hasText: "before the other came" }).first().click();
  await second.panel.replies.getByText("before the other came").waitFor();
});

it("a reply streams to both windows, and either can cancel it", async () => {
  await first.panel.text.fill(`slow: live ${Array.from({ length: 300 }, (_, at) => `word${at}`).join(" ")}`);
  await first.panel.text.press("Enter");
  await second.panel.replies.nth(1).getByText("live word0").waitFor();
  await second.panel.frame.getByRole("button", { name: "Cancel Reply" }).click();
  await first.panel.frame.getByText("Cancelled").waitFor();
  await second.panel.frame.getByText("Cancelled").waitFor();
  await second.shot("shared-dark");
});

it("messages sent from both windows appear in the same order in both", async () => {
  await second.panel.ask("say: from the other");
  await first.panel.replies.getByText("from the other").waitFor();
  await first.panel.ask("say: from the one");
  await second.panel.replies.getByText("from the one").waitFor();
  const texts = (window) => window.panel.frame.locator(".message-body").allInnerTexts();
  assert.deepEqual(await texts(first), await texts(second));
});

it("without a team's database Share says why it cannot share, and what to do", async () => {
  await first.command("Session: Share…");
  const notification = first.notification("Everybody who can open it owns every session in it");
  await notification.getByText("keep them in your team's PostgreSQL database").waitFor();
  await notification.getByText("Set the Database").waitFor();
});

it("a session that cannot be read says so, and can be deleted", async () => {
  editor.damage();
  await second.reload();
  const bar = second.panel.frame.locator(".bar.problem", { hasText: "cannot be read" });
  await bar.waitFor({ timeout: 60_000 });
  await second.shot("unreadable-dark");
  await bar.getByRole("button", { name: "Delete Session…" }).click();
  const dialog = second.page.locator(".monaco-dialog-box", { hasText: "Delete this session permanently?" });
  await dialog.getByText("cannot show what is in it").waitFor();
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await second.page.locator(".tab", { hasText: "Session" }).waitFor({ state: "detached" });
});
