// The main job in real VS Code: a session, messages and replies, another agent for one message, context from an unsaved buffer,
// pause, reload, resume, fork. All tests use one window; each continues where the previous one ended.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const files = {
  "read.py":
    "def read(path):\n    with open(path) as file:\n        return file.readlines()[:-1]\n\n\ndef count(path):\n    return len(read(path))\n",
  "notes.md": "# Notes\n",
};

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

const MARKDOWN = [
  "The last line is dropped. Here is why:",
  "",
  "```python",
  "def read(path: str) -> list[str]:",
  '    """All lines."""',
  "    return open(path).readlines()[:-1]  # here",
  "```",
  "",
  "- one [link](https://example.org), [lines](read.py:3), [none](command:workbench.action.quit), [page] and `code`",
  "- two <img src=x onerror=alert(1)> and ![picture](https://example.org/x.png)",
  "",
  "| a | b |",
  "|---|---|",
  "| 1 | 2 |",
  "",
  "[page]: https://example.org/page",
];

/** The last request to the model that contains this text, as JSON. */
const requestWith = (text) =>
  until(
    () => model.requests.map((request) => JSON.stringify(request)).findLast((request) => request.includes(text)),
    `a request with “${text}”`,
  );

it("a new session answers a message, with Markdown and coloured code", async () => {
  await window.command("Session: New");
  await panel.text.waitFor();
  await window.shotInEachTheme("empty");
  await panel.text.fill(`say: ${MARKDOWN.join("\\n")}`);
  const reply = await panel.submit();
  assert.match(await reply.innerText(), /The last line is dropped/);
  assert.equal(await reply.locator(".hljs-keyword").first().innerText(), "def", "code is coloured");
  assert.equal(await reply.locator("img, script, [onerror]").count(), 0, "nothing is loaded or run");
  const links = await reply.locator("a").evaluateAll((elements) => elements.map((link) => link.getAttribute("href")));
  assert.deepEqual(links, ["https://example.org", "read.py:3", "https://example.org/page", "https://example.org/x.png"]);
  assert.doesNotMatch(await reply.innerText(), /\[page\]/, "a link definition is not shown");
  assert.equal(await panel.text.inputValue(), "", "the composer is empty again");
  await window.shot("reply-dark");
});

it("a link to the web asks before it opens; a link to a line opens the file there", async () => {
  const dialogs = window.page.locator(".monaco-dialog-box");
  await panel.replies.first().getByRole("link", { name: "link" }).click();
  await dialogs.getByText("https://example.org").first().waitFor();
  await dialogs.getByRole("button", { name: "Cancel" }).click();
  await panel.replies.first().getByRole("link", { name: "lines" }).click();
  await window.page.locator(".tab.active", { hasText: "read.py" }).waitFor();
  await until(
    async () => (await window.page.locator(".line-numbers.active-line-number").first().innerText()) === "3",
    "the line",
  );
  assert.equal(await dialogs.count(), 0, "VS Code asks once");
  assert.equal(window.page.context().pages().length, 1, "no page was opened beside the question");
  await window.command("View: Close Editor");
});

it("the up arrow brings back the last message", async () => {
  await panel.text.press("Control+ArrowUp");
  assert.equal(await panel.text.inputValue(), "");
  await panel.text.press("ArrowUp");
  assert.match(await panel.text.inputValue(), /^say: The last line is dropped/);
  await panel.text.fill("");
});

it("an agent picked for one message answers only that message", async () => {
  await panel.agent.click();
  await panel.frame.getByRole("option", { name: /^review/ }).waitFor();
  await window.shot("agents-dark");
  await panel.frame.getByRole("option", { name: /^review/ }).click();
  const reviewed = await panel.ask("say: reviewed");
  assert.equal(await reviewed.locator(".author").innerText(), "review");
  assert.match(await panel.agent.innerText(), /code/, "the next message goes to the default again");
  const answered = await panel.ask("say: back");
  assert.equal(await answered.locator(".author").innerText(), "code");
});

it("@agent at the start of a message does the same", async () => {
  await panel.write("@exp");
  await panel.frame.locator(".menu-item", { hasText: "explain" }).waitFor();
  await window.shot("mention-dark");
  await panel.text.press("Enter");
  assert.match(await panel.agent.innerText(), /explain/);
  const reply = await panel.ask("say: explained");
  assert.equal(await reply.locator(".author").innerText(), "explain");
  const typed = await panel.ask("@explain say: typed out");
  assert.equal(await typed.locator(".author").innerText(), "explain");
  assert.match(await panel.agent.innerText(), /code/);
});

it("the selection is offered, is sent only when added, and includes unsaved changes", async () => {
  await window.open("read.py");
  await window.page.keyboard.press("Control+Home");
  await window.page.keyboard.type("# never saved\n");
  await window.page.keyboard.press("Control+Home");
  await window.page.keyboard.press("Shift+ArrowDown");
  await window.page.keyboard.press("Shift+ArrowDown");
  await window.command("Session: Send Message");
  const offer = panel.frame.getByRole("button", { name: "Add read.py:1–2" });
  await offer.waitFor();
  await panel.ask("say: nothing unseen");
  assert.doesNotMatch(await requestWith("nothing unseen"), /never saved/);
  await offer.click();
  await panel.frame.getByRole("button", { name: "Remove read.py:1–2" }).waitFor();
  await window.shotInEachTheme("chips");
  await panel.ask("say: with the selection");
  assert.match(await requestWith("with the selection"), /never saved/);
});

it("# adds a file, and its chip can be removed", async () => {
  await panel.write("say: no file #note");
  await panel.frame.locator(".menu-item", { hasText: "notes.md" }).first().waitFor();
  await window.shot("completion-dark");
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Remove notes.md" }).click();
  assert.equal(await panel.frame.locator(".chip.taken").count(), 0);
  await panel.text.press("Enter");
  await requestWith("no file");
});
