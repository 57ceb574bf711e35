// Two windows in the same session: two extension hosts and two servers, which share the sessions.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step } from "./editor.mjs";

let model, editor, one, other;
const it = (name, run) => step(name, () => other ?? one, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model });
  one = await editor.window();
  await one.command("Session: New");
  await one.panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

it("what was said before is there for who comes later", async () => {
  await one.panel.ask("say: before the other came");
  other = await editor.window();
  await other.command("Session: Open…");
  await other.page.locator(".quick-input-list .monaco-list-row", { hasText: "before the other came" }).first().click();
  await other.panel.replies.getByText("before the other came").waitFor();
});

it("a reply grows in both windows, and the other can cancel it", async () => {
  await one.panel.text.fill(`slow: live ${Array.from({ length: 300 }, (_, at) => `word${at}`).join(" ")}`);
  await one.panel.text.press("Enter");
  await other.panel.replies.nth(1).getByText("live word0").waitFor();
  await other.panel.frame.getByRole("button", { name: "Cancel Reply" }).click();
  await one.panel.frame.getByText("Cancelled").waitFor();
  await other.panel.frame.getByText("Cancelled").waitFor();
  await other.shot("shared-dark");
});

it("both write, and both see all of it in the same order", async () => {
  await other.panel.ask("say: from the other");
  await one.panel.replies.getByText("from the other").waitFor();
  await one.panel.ask("say: from the one");
  await other.panel.replies.getByText("from the one").waitFor();
  const texts = (window) => window.panel.frame.locator(".message-body").allInnerTexts();
  assert.deepEqual(await texts(one), await texts(other));
});

it("in a file nothing can be shared, and it says why and what to do", async () => {
  await one.command("Session: Share…");
  const said = one.page.locator(".notification-toast", { hasText: "Everybody who can open it owns every session in it" });
  await said.getByText("keep them in your team's PostgreSQL database").waitFor();
  await said.getByText("Set the Database").waitFor();
});

it("a session that cannot be read says so, and can be deleted", async () => {
  editor.damage();
  await other.reload();
  const bar = other.panel.frame.locator(".bar.problem", { hasText: "cannot be read" });
  await bar.waitFor({ timeout: 60_000 });
  await other.shot("unreadable-dark");
  await bar.getByRole("button", { name: "Delete Session…" }).click();
  const asked = other.page.locator(".monaco-dialog-box", { hasText: "Delete this session permanently?" });
  await asked.getByText("cannot show what is in it").waitFor();
  await asked.getByRole("button", { name: "Delete", exact: true }).click();
  await other.page.locator(".tab", { hasText: "Session" }).waitFor({ state: "detached" });
});
