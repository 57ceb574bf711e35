// What can be done with a session and with a message, from the palette, the keyboard and the panel.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({
    files: { "read.py": "def read(path):\n    return open(path)\n", "notes.md": "" },
    model,
    shared: true,
  });
  editor.commit();
  window = await editor.window();
  panel = window.panel;
  await window.open("notes.md");
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const words = (count) => Array.from({ length: count }, (_, at) => `word${at}`).join(" ");
const picker = () => window.page.locator(".quick-input-widget:visible");
const choose = async (label) => {
  await picker().locator(".monaco-list-row", { hasText: label }).first().click();
};
/** The text of the active editor, as a person sees it. */
const editorText = async () =>
  (await window.page.locator(".editor-instance:visible .view-lines").last().innerText()).replaceAll("\u00a0", " ");
const requested = (text) =>
  until(() => model.requests.findLast((request) => JSON.stringify(request.messages).includes(text)), text);

it("the up arrow brings back the last message", async () => {
  await panel.ask("say: once more");
  await panel.text.press("ArrowUp");
  assert.equal(await panel.text.inputValue(), "say: once more");
  await panel.text.fill("");
});

it("a typed agent shows in the picker immediately, and is removed when it is deselected there", async () => {
  await panel.write("@review is it right?");
  assert.match(await panel.agent.innerText(), /review/);
  await panel.frame.getByRole("button", { name: "Back to code" }).click();
  assert.doesNotMatch(await panel.agent.innerText(), /review/);
  assert.equal(await panel.text.inputValue(), "is it right?");
  await panel.text.fill("");
});

it("a file and line named in a reply is a link, in plain text and in code", async () => {
  const reply = await panel.ask("say: See read.py:2 and `read.py:1`.");
  assert.equal(await reply.locator(".markdown a").count(), 2);
  await reply.getByRole("link", { name: "read.py:2" }).click();
  await window.page.locator(".tab.active", { hasText: "read.py" }).waitFor();
  await window.page.locator(".statusbar", { hasText: "Ln 2" }).waitFor();
  await window.command("View: Close Editor");
});

it("a message can be sent into the reply that is being written", async () => {
  const before = await panel.replies.count();
  await panel.text.fill('tool: list_files {"path": "."}');
  await panel.text.press("Enter");
  await panel.text.fill("say: steered");
  await panel.text.press("Control+Enter");
  await until(async () => (await panel.text.inputValue()) === "", "the composer to be empty");
  await panel.finishedReply(before);
  await requested("say: steered");
});

it("a reply is inserted at the cursor, copied, and opened as a document", async () => {
  const reply = await panel.ask("say: a line of it");
  await reply.hover();
  await reply.getByRole("button", { name: "Insert at Cursor" }).click();
  await until(async () => (await editorText()).includes("a line of it"), "the text in the file");
  await reply.hover();
  await reply.getByRole("button", { name: "Open as Document" }).click();
  await window.page.locator(".tab.active", { hasText: "Untitled-1" }).waitFor();
  await reply.hover();
  await reply.getByRole("button", { name: "Copy", exact: true }).click();
  await window.page.locator(".statusbar", { hasText: "Copied" }).waitFor();
});

it("the default agent is switched from the palette", async () => {
  await panel.text.click();
  await window.command("Session: Switch Agent…");
  await choose("explain");
  await until(async () => /explain/.test(await panel.agent.innerText()), "the composer to say so");
  const reply = await panel.ask("say: by another");
  assert.equal(await reply.locator(".author").innerText(), "explain");
});

it("the model is switched for the session", async () => {
  await panel.text.click();
  await window.command("Session: Switch Model…");
  await picker().locator(".monaco-list-row", { hasText: "openai/test" }).first().waitFor();
  await window.shot("models-dark");
  await choose("openai/test");
  await panel.frame.locator(".session-facts", { hasText: "openai/test" }).waitFor();
});

it("a reply is cancelled from the palette", async () => {
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(60)}`);
  await panel.text.press("Enter");
  await panel.replies.nth(before).getByText("word0").waitFor();
  await window.command("Session: Cancel Reply");
  await panel.replies.nth(before).getByText("Cancelled").waitFor();
});

it("a session is exported as a document", async () => {
  await panel.text.click();
  await window.command("Session: Export…");
  await choose("Markdown");
  await until(async () => (await editorText()).includes("once more"), "the session as Markdown");
  await window.shot("export-dark");
});

it("uncommitted changes are reviewed, and a file for its security", async () => {
  await window.open("read.py");
  await window.page.keyboard.press("Control+End");
  await window.page.keyboard.type("# changed\n");
  await window.page.keyboard.press("Control+s");
  await window.page.locator(".tab.dirty", { hasText: "read.py" }).waitFor({ state: "hidden" });
  await window.command("Session: Review Changes");
  assert.match(JSON.stringify(await requested("Review the uncommitted changes.")), /\+# changed/);
  await panel.frame.locator(".message.agent:not(.replying)").last().waitFor();
  await window.open("read.py");
  await window.command("Session: Security Review");
  const request = await requested("Review this file for security problems.");
  assert.match(JSON.stringify(request.messages), /def read/);
});

it("the selection goes into the composer with the agent that was picked, and nothing is sent", async () => {
  await window.open("read.py");
  await window.page.keyboard.press("Control+Home");
  await window.page.keyboard.press("Shift+ArrowDown");
  const before = model.requests.length;
  await window.page.keyboard.press("Control+k");
  await window.page.keyboard.press("Control+a");
  await choose("review");
  await panel.frame.locator(".chip.taken", { hasText: "read.py:1" }).waitFor();
  assert.match(await panel.agent.innerText(), /review/);
  assert.equal(model.requests.length, before);
  await panel.write("say: looked at");
  const reply = await panel.submit();
  assert.equal(await reply.locator(".author").innerText(), "review");
});

it("an archived session takes no message until it is brought back", async () => {
  await panel.text.click();
  await window.command("Session: Archive");
  await panel.frame.getByText("This session is archived.").waitFor();
  await panel.write("say: too late");
  assert.equal(await panel.send.isEnabled(), false);
  await window.shot("archived-dark");
  await panel.frame.getByRole("button", { name: "Unarchive" }).click();
  await panel.frame.getByText("This session is archived.").waitFor({ state: "hidden" });
  await panel.submit();
});

it("a session is forked and renamed from the palette", async () => {
  await panel.text.click();
  await window.command("Session: Fork");
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
  await window.command("Session: Rename…");
  await picker().locator("input").first().fill("Another way");
  await window.page.keyboard.press("Enter");
  await panel.frame.getByRole("heading", { name: "Another way" }).waitFor();
  await window.page.locator(".tab.active", { hasText: "Another way" }).waitFor();
});
