// Reading and writing in the panel: where it stands when it is come back to, what was begun there, and how words look.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const tab = (name) => window.page.locator(".tab", { hasText: name }).first();
const fromEnd = () => panel.frame.locator(".transcript").evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.ask("say: the other session");
  await window.command("Session: New");
  await panel.frame.getByText("Write a message to begin.").waitFor();
  await panel.ask("say: the long session");
  for (let at = 0; at < 4; at += 1)
    await panel.ask(`say: line ${at}${"\\n\\n| a | b |\\n|--:|---|\\n| 1 | 2 |\\n\\nmore of it".repeat(6)}`);
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

it("a session that is come back to stands at its newest message, with what was begun in its composer", async () => {
  await panel.write("half a draft");
  await tab("the other session").click(); // at once: a page that is hidden is gone, with what it has not told
  await panel.frame.getByText("the other session").first().waitFor();
  await tab("the long session").click();
  await panel.replies.nth(4).waitFor();
  assert.equal(await panel.text.inputValue(), "half a draft");
  await window.page.waitForTimeout(1000); // what is drawn late makes it longer
  assert.ok((await fromEnd()) < 40, "the end is in sight");
});

it("a message that is sent comes into sight, wherever one was reading", async () => {
  await panel.frame.locator(".transcript").evaluate((one) => one.scrollTo({ top: 0 }));
  await panel.frame.getByRole("button", { name: "To the newest message" }).waitFor();
  await panel.text.fill("say: in sight");
  await panel.sent();
  assert.ok((await fromEnd()) < 40, "the message and its reply");
});

it("who scrolls up stays there while a reply is written", async () => {
  await panel.text.fill(`slow: ${Array.from({ length: 30 }, (_, at) => `word${at}`).join(" ")}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").waitFor();
  await panel.frame.locator(".transcript").evaluate((one) => one.scrollTo({ top: 100 }));
  await panel.ended(6);
  assert.equal(await panel.frame.locator(".transcript").evaluate((one) => one.scrollTop), 100);
  await panel.frame.getByRole("button", { name: "To the newest message" }).click();
  await until(async () => (await fromEnd()) < 40, "the end");
});

it("what a person typed stands in its lines", async () => {
  await panel.text.fill("say: one\nline below");
  await panel.sent();
  const own = panel.frame.locator(".message.participant").last();
  assert.match(await own.locator(".markdown").innerText(), /say: one\nline below/);
  await window.shot("lines-dark");
});
