// VS Code's own chat, with nobody signed in and no other extension that brings a model: @session, and the server's models.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, page;
const it = (name, run) => step(name, () => window, run);

const careful =
  "---\nname: careful\ndescription: Asks before it reads.\ntools: [read_file]\npermissions: {read: ask}\n---\nYou are careful.\n";
const files = {
  "read.py": "def read(path):\n    with open(path) as file:\n        return file.readlines()[:-1]\n",
  "notes.md": "the content\n",
  ".sessionls/agents/careful.md": careful,
};

before(async () => {
  model = await startModel();
  const others = [path.join(import.meta.dirname, "asker")];
  editor = await startEditor({ files, model, settings: { "chat.disableAIFeatures": false }, others });
  window = await editor.window({ width: 1400, height: 900 });
  page = window.page;
  await window.command("Chat: Open Chat");
  await input().waitFor();
  await mentionSession();
  await page.locator(".chat-input-container").getByText("Agent's Own").waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const input = () => page.locator(".chat-input-container .monaco-editor").first();
const last = () => page.locator(".interactive-session .monaco-list-row.response").last();
const sessions = () => page.locator(".pane-body .monaco-list[aria-label='Sessions'] .monaco-list-row");
const stop = () => page.locator(".chat-input-container .codicon-stop-circle");

/** Types @session as a person does. Right after the start VS Code may not know it yet. */
async function mentionSession() {
  await until(async () => {
    await input().click();
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.press("Delete");
    await page.keyboard.type("@sess");
    const suggestion = page.locator(".suggest-widget.visible .monaco-list-row", { hasText: "@session" }).first();
    return suggestion.click({ timeout: 2000 }).then(
      () => true,
      () => false,
    );
  }, "@session to be offered");
  await page.locator(".chat-input-container").getByText("@session").first().waitFor();
}

/** Writes a request and sends it. The chat itself adds @session once it was mentioned. */
async function send(text) {
  await input().click();
  await page.keyboard.press("ControlOrMeta+End");
  await page.keyboard.type(text.slice(0, 40));
  await page.keyboard.insertText(text.slice(40));
  await page.keyboard.press("Escape"); // suggestions
  await page.keyboard.press("Enter");
}

/** The answer that contains this text, after it has ended. */
async function answerWith(text) {
  const answer = page.locator(".monaco-list-row.response", { hasText: text }).last();
  await answer.waitFor({ timeout: 60_000 });
  await stop().waitFor({ state: "hidden", timeout: 60_000 });
  return answer;
}

async function ask(text, expected) {
  await send(text);
  return answerWith(expected);
}

/** The last request to the model whose newest message contains this text. */
const requestWith = (text) =>
  until(() => model.requests.findLast((one) => JSON.stringify(one.messages.at(-1)).includes(text)), `a request with “${text}”`);

it("a request to @session is answered by a session, and can be opened", async () => {
  await send("say: hello **there**");
  const answer = await answerWith("hello there");
  assert.equal(await answer.locator("strong").innerText(), "there");
  await answer.getByRole("button", { name: "Open Session" }).waitFor();
  await window.shot("chat-first-dark");
});

it("a file and line in a reply is a link", async () => {
  const answer = await ask("say: see `read.py:2` and notes.md:1 there", "there");
  await answer.locator("a", { hasText: "notes.md:1" }).click();
  await page.locator(".tab", { hasText: "notes.md" }).waitFor();
  await answer.locator("a", { hasText: "read.py:2" }).click();
  await page.locator(".tab", { hasText: "read.py" }).waitFor();
});

it("the next request goes to the same session", async () => {
  await ask("say: and again", "and again");
  const { messages } = await requestWith("and again");
  assert.ok(JSON.stringify(messages).includes("hello **there**"), "the model knows what was said before");
  await window.command("Sessions: Focus on Sessions View");
  await sessions().first().waitFor();
  assert.equal(await sessions().count(), 1);
  assert.equal(
    await page.locator(".activitybar .badge:visible", { hasText: /\d/ }).count(),
    0,
    "a reply seen in the chat counts as seen",
  );
});

it("/review sends one message to the review agent, and the next one goes to the default again", async () => {
  await ask("/review say: reviewed", "reviewed");
  assert.match((await requestWith("reviewed")).system, /You review code/);
  await ask("say: back again", "back again");
  assert.match((await requestWith("back again")).system, /You work on a person's code/);
  await ask("@careful say: by name", "by name");
  assert.match((await requestWith("by name")).system, /You are careful/);
});

it("a finding links to its position", async () => {
  const finding = { path: "read.py", start_line: 3, severity: "error", title: "The last line is dropped", body: "`[:-1]`" };
  const answer = await ask(`/review tool: report_finding ${JSON.stringify(finding)}`, "The last line is dropped");
  await window.shotInEachTheme("chat-finding");
  await answer.getByText("read.py:3").first().click();
  await page.locator(".tab", { hasText: "read.py" }).waitFor();
});

it("the selection is sent with unsaved changes", async () => {
  await page.locator(".activitybar .action-label[aria-label^='Explorer']").click();
  await window.open("read.py");
  await page.keyboard.press("ControlOrMeta+Home");
  await page.keyboard.type("# never saved\n");
  await page.keyboard.press("ControlOrMeta+Home");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  await window.command("Chat: Add Selection to Chat");
  await page.locator(".chat-attached-context, .chat-attachments-container").getByText("read.py").first().waitFor();
  await window.shot("chat-selection-dark");
  await ask("say: with the selection", "with the selection");
  const { messages } = await requestWith("with the selection");
  assert.match(JSON.stringify(messages.at(-1)), /never saved[\s\S]*def read/);
  assert.doesNotMatch(JSON.stringify(messages.at(-1)), /readlines/);
});

it("a reply streams, and stopping the request cancels it", async () => {
  await send(`slow: begun ${Array.from({ length: 200 }, (_, at) => `word${at}`).join(" ")}`);
  await last().getByText("begun word0").waitFor({ timeout: 60_000 });
  await window.shot("chat-streaming-dark");
  await stop().click();
  await stop().waitFor({ state: "hidden" });
  const text = await last().innerText();
  assert.doesNotMatch(text, /word199/);
  await ask("say: after the stop", "after the stop");
});

it("a question for permission says where it can be answered", async () => {
  await send('@careful tool: read_file {"path": "notes.md"}');
  await last().getByText("read_file: path 'notes.md'").waitFor({ timeout: 60_000 });
  await last().getByRole("button", { name: "Open Session to Answer" }).waitFor();
  await window.shot("chat-question-dark");
  const note = window.notification("careful asks");
  await note.getByRole("button", { name: "Deny", exact: true }).click();
  await answerWith("Not allowed to read");
  await window.shot("chat-denied-dark");
});

it("an error is explained, with a button that fixes it", async () => {
  const answer = await ask("fail: 401", "key");
  await answer.getByRole("button", { name: "Set Up a Model" }).waitFor();
  await window.shotInEachTheme("chat-error");
});

it("a chat continues its session after a reload of the window", async () => {
  await window.reload();
  await page.locator(".monaco-list-row.response").last().waitFor({ timeout: 60_000 });
  await mentionSession();
  await ask("say: after the reload", "after the reload");
  assert.ok(JSON.stringify((await requestWith("after the reload")).messages).includes("hello **there**"));
});

it("the button opens the session, with the same messages", async () => {
  await ask("/new say: elsewhere", "elsewhere");
  assert.ok(
    !JSON.stringify((await requestWith("elsewhere")).messages).includes("hello **there**"),
    "/new begins another session",
  );
  await send("/open");
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "hello" }).first().click();
  const answer = await answerWith("Messages go to");
  await answer.getByRole("button", { name: "Open Session" }).click();
  await window.panel.replies.getByText("hello there").first().waitFor();
  await window.panel.replies.getByText("after the reload").waitFor();
  await ask("say: in both places", "in both places");
  await window.panel.replies.getByText("in both places").waitFor();
  await window.shot("chat-and-panel-dark");
});

it("another extension can use the server's models: streaming, tools, errors and cancellation", async () => {
  await window.command("Asker: Ask");
  const file = path.join(editor.folder, "asked.json");
  await until(
    () => fs.existsSync(file) && fs.readFileSync(file, "utf8").endsWith("}"),
    "the other extension to be done",
    120_000,
  );
  const results = JSON.parse(fs.readFileSync(file, "utf8"));
  assert.deepEqual(results.problem, undefined);
  assert.ok(results.models.includes("openai/test") && results.models.includes("default"));
  assert.equal(results.text, "word ".repeat(40).trim());
  assert.ok(results.pieces > 1, "it streams");
  assert.ok(results.tokens > 0);
  assert.deepEqual(results.call, { name: "weather", input: { city: "Paris" } });
  assert.equal(results.toolAnswer, "echo: rain");
  assert.equal(results.error.code, "NoPermissions");
  assert.match(results.error.message, /key/i);
  assert.ok(results.cancelled < 200, "a cancelled request ends early");
});
