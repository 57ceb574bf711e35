// Reading and writing in the panel: its scroll position and draft after a switch of tabs, and line ends in messages.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const tab = (name) => window.page.locator(".tab", { hasText: name }).first();
const fromEnd = () =>
  panel.frame.locator(".transcript").evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
/** Waits until the transcript keeps its height: content that is rendered late makes it longer. */
const rendered = () =>
  panel.frame.locator(".transcript").evaluate(async (element) => {
    let height = -1;
    for (let unchanged = 0; unchanged < 30; unchanged += 1) {
      await new Promise((resolve) => globalThis.requestAnimationFrame(resolve));
      if (element.scrollHeight !== height) unchanged = 0;
      height = element.scrollHeight;
    }
  });

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

it("returning to a session shows its newest message and its draft", async () => {
  await panel.write("half a draft");
  await tab("the other session").click(); // at once: a hidden page is destroyed, with everything it has not reported yet
  await panel.frame.getByText("the other session").first().waitFor();
  await tab("the long session").click();
  await panel.replies.nth(4).waitFor();
  assert.equal(await panel.text.inputValue(), "half a draft");
  await rendered();
  assert.ok((await fromEnd()) < 40, "the end is in sight");
});

it("sending a message scrolls to it", async () => {
  await panel.frame.locator(".transcript").evaluate((element) => element.scrollTo({ top: 0 }));
  await panel.frame.getByRole("button", { name: "To the newest message" }).waitFor();
  await panel.text.fill("say: in sight");
  await panel.submit();
  assert.ok((await fromEnd()) < 40, "the message and its reply");
});

it("the scroll position is kept while a reply is written below", async () => {
  await panel.text.fill(`slow: ${Array.from({ length: 30 }, (_, at) => `word${at}`).join(" ")}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").waitFor();
  await panel.frame.locator(".transcript").evaluate((element) => element.scrollTo({ top: 100 }));
  await panel.finishedReply(6);
  assert.equal(await panel.frame.locator(".transcript").evaluate((element) => element.scrollTop), 100);
  await panel.frame.getByRole("button", { name: "To the newest message" }).click();
  await until(async () => (await fromEnd()) < 40, "the end");
});

it("a person's message keeps its line breaks", async () => {
  await panel.text.fill("say: one\nline below");
  await panel.submit();
  const own = panel.frame.locator(".message.participant").last();
  assert.match(await own.locator(".markdown").innerText(), /say: one\nline below/);
  await window.shot("lines-dark");
});
