// The context that the editor can send with a message: each kind is offered after #, shown as a chip, and reaches the model.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const files = {
  "settings.json": '{\n  "retries": 3,\n  "retries": 4\n}\n',
  "reader.py": "def read(path):\n    return path\n",
  "reader.gen": "",
  ".github/prompts/explain.prompt.md":
    "---\ndescription: Explains code\n---\nsay: Explain ${input:what:the code} to a newcomer.\n",
  "build/reader.txt": "",
  "book.ipynb": JSON.stringify({
    cells: [{ cell_type: "markdown", metadata: {}, source: ["a cell"] }],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  }),
};
const settings = { "search.exclude": { "**/*.{gen,lock}": true, "**/build": true } };

before(async () => {
  model = await startModel();
  editor = await startEditor({ files, model, settings, shared: true });
  editor.commit();
  window = await editor.window();
  panel = window.panel;
  await window.open("settings.json");
  await window.page.locator(".squiggly-warning, .squiggly-error").first().waitFor({ timeout: 60_000 });
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

/** Writes `#query`, picks the first completion, sends the message, and returns the request to the model as text. */
async function requestWith(query, label, about) {
  await panel.write(`say: ${about} #${query}`);
  await panel.frame.locator(".menu-item", { hasText: label }).first().click();
  await panel.frame.locator(".chip.taken").waitFor();
  assert.equal(await panel.text.inputValue(), `say: ${about} `, "the query after # is removed from the text");
  await panel.submit();
  const request = await until(
    () => model.requests.findLast((sent) => JSON.stringify(sent).includes(`say: ${about}`)),
    "the request",
  );
  return JSON.stringify(request);
}

it("# offers every kind of context that is available", async () => {
  await window.page.locator(".tab", { hasText: "settings.json" }).click();
  await window.page.locator(".view-line", { hasText: "4" }).last().click();
  await window.command("Session: Send Message");
  await panel.write("#");
  const labels = await until(async () => {
    const shown = await panel.frame.locator(".menu-item .menu-label").allInnerTexts();
    return shown.length > 2 && shown;
  }, "the list");
  for (const kind of ["file", "symbol", "diagnostics", "diff"]) assert.ok(labels.includes(kind), `${kind} in ${labels}`);
  assert.ok(!labels.includes("selection"), "nothing is selected");
  await window.shot("context-dark");
  await panel.text.fill("");
});

it("#diagnostics sends the problems that the editor shows", async () => {
  assert.match(await requestWith("diag", "diagnostics", "what is wrong"), /Duplicate object key/);
});

it("Enter does not pick a completion that was found for a shorter query", async () => {
  await panel.write("say: in a hurry #reader");
  await panel.text.press("Enter");
  await panel.frame.locator(".menu-item, .chip.taken", { hasText: "reader.py" }).first().waitFor();
  assert.equal(await panel.frame.locator(".chip.taken", { hasNotText: "reader.py" }).count(), 0);
  assert.match(await panel.text.inputValue(), /^say: in a hurry/, "the message is not sent either");
  await panel.text.fill("");
  const chip = panel.frame.getByRole("button", { name: "Remove reader.py" });
  if (await chip.isVisible()) await chip.click();
});

it("#symbol finds a symbol of the open file", async () => {
  assert.match(await requestWith("symbol:retr", "retries", "this symbol"), /retries/);
});

it("#file finds any file of the workspace by its name", async () => {
  assert.match(await requestWith("reader", "reader.py", "the reader"), /def read\(path\)/);
});

it("#file offers no file that VS Code's search excludes", async () => {
  await panel.write("#reader");
  await panel.frame.locator(".menu-item", { hasText: "reader.py" }).first().waitFor();
  const labels = await panel.frame.locator(".menu-item .menu-label").allInnerTexts();
  assert.deepEqual(
    labels.filter((label) => label.startsWith("reader")),
    ["reader.py"],
  );
  await panel.text.fill("");
});

it("#diff sends the uncommitted changes", async () => {
  await window.open("reader.py");
  await window.page.keyboard.press("Control+End");
  await window.page.keyboard.type("# a change\n");
  await window.page.keyboard.press("Control+s");
  await window.page.locator(".tab.dirty").waitFor({ state: "hidden" });
  await window.command("Session: Send Message");
  await panel.text.waitFor();
  assert.match(await requestWith("diff", "diff", "the changes"), /\+# a change/);
});

it("a message shows its context, and a click on it opens the file", async () => {
  const sent = panel.frame.locator(".message.participant").last().locator(".chips.sent");
  assert.match(await sent.innerText(), /Changes since HEAD/);
  const file = panel.frame.locator(".message.participant .chips.sent button", { hasText: "reader.py" }).last();
  await file.click();
  await window.page.locator(".tab.active", { hasText: "reader.py" }).waitFor();
});

it("a slash offers prompt files and commands; a prompt is sent with its arguments", async () => {
  const offered = panel.frame.locator(".menu-item");
  await panel.text.fill("");
  await panel.write("/");
  await offered.filter({ hasText: "/compact" }).waitFor();
  await offered.filter({ hasText: "/explain" }).waitFor();
  await window.shot("slash-dark");
  await panel.text.pressSequentially("expl");
  await until(async () => (await offered.count()) === 1, "the one prompt file of that name");
  await panel.text.press("Enter");
  await until(async () => (await panel.text.inputValue()) === "/explain ", "its name in the composer");
  await panel.text.pressSequentially("the loop");
  assert.match(await (await panel.submit()).innerText(), /Explain the loop to a newcomer/);
  await panel.write("/rename");
  await panel.text.press("Enter");
  await window.page.locator(".quick-input-title", { hasText: "Rename Session" }).waitFor();
  await window.page.keyboard.press("Escape");
  assert.equal(await panel.text.inputValue(), "");
});

it("a file behind a notebook is not reviewed in place of the notebook", async () => {
  const before = model.requests.length;
  await window.page.locator(".explorer-folders-view").getByText("book.ipynb", { exact: true }).dblclick();
  await window.page.locator(".tab.active", { hasText: "book" }).waitFor();
  await window.page.locator(".notebook-editor .monaco-list-row.focused").waitFor({ state: "attached" });
  await window.command("Session: Review File");
  await window.page.getByText("There is nothing to review: open a file.").first().waitFor();
  assert.equal(model.requests.length, before);
});
