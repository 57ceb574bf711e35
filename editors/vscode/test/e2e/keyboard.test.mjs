// The main path with the keyboard alone: nothing is clicked.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "orders.py": "one = 1\ntwo = 2\n" }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

const press = async (...keys) => {
  for (const key of keys) await window.page.keyboard.press(key);
};
const type = (text) => window.page.keyboard.type(text);
const call = (name, args) => ({ tools: [{ name, arguments: args }] });
const hasFocus = (locator) =>
  locator.evaluate((element) => element === element.ownerDocument.activeElement && element.ownerDocument.hasFocus());

/** Runs a command from the palette, by its title. */
async function command(title) {
  const input = window.page.locator(".quick-input-widget:visible input").first();
  const focused = window.page.locator(".quick-input-list .monaco-list-row.focused").first();
  const isSelected = async () => (await focused.getAttribute("aria-label", { timeout: 1500 }).catch(() => "")).startsWith(title);
  await until(async () => {
    await press("F1");
    // Text typed before the palette has the focus would go into the editor.
    const opened = async () => (await input.isVisible()) && (await hasFocus(input));
    if (!(await until(opened, "the palette", 3000).catch(() => false))) return false;
    await type(title);
    // The command may be listed below others that also match.
    for (let row = 0; row < 6; row += 1) {
      if (await isSelected()) return true;
      await press("ArrowDown");
    }
    await press("Escape");
    return false;
  }, title);
  await press("Enter");
}

/** Presses Tab, or another key, until the element has the focus. */
async function reach(element, key = "Tab") {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await hasFocus(element)) return;
    await press(key);
    // The focus moves between the window and the panel's page with the next frame.
    await panel.frame.locator("body").evaluate(() => new Promise((resolve) => globalThis.requestAnimationFrame(resolve)));
  }
  assert.fail(`The element is not reached with ${key}.`);
}

/** Repeats the keys, which work only once VS Code knows of the question in the page. */
async function answer(key) {
  const questions = panel.frame.locator(".question");
  await questions.first().waitFor();
  await until(async () => {
    if ((await questions.count()) === 0) return true;
    await press("Control+k", key);
    return false;
  }, `the answer with ${key}`);
}

it("a new session has the focus in its composer, and answers", async () => {
  await command("Session: New");
  await panel.text.waitFor();
  await until(() => hasFocus(panel.text), "the composer to have the focus");
  await type("say: hello");
  await press("Enter");
  assert.match(await (await panel.finishedReply(0)).innerText(), /hello/);
  assert.ok(await hasFocus(panel.text), "the next message can be written");
});

it("an agent is chosen for one message", async () => {
  await type("say: reviewed");
  await reach(panel.agent, "Tab");
  await press("ArrowDown");
  await panel.frame.getByRole("option", { name: /^review/ }).waitFor();
  await type("rev");
  await press("Enter");
  await reach(panel.text, "Shift+Tab");
  await press("Enter");
  assert.equal(await (await panel.finishedReply(1)).locator(".author").innerText(), "review");
  assert.match(await panel.agent.innerText(), /code/, "the next message goes to the default agent");
});

it("a reply is stopped", async () => {
  await type(`slow: ${Array.from({ length: 200 }, (_, number) => `word${number}`).join(" ")}`);
  await press("Enter");
  await panel.replies.nth(2).getByText("word0").waitFor();
  await press("Escape");
  await panel.replies.nth(2).getByText("Cancelled").waitFor();
});

it("a question of another session is found and answered, and the change is reviewed and undone", async () => {
  await model.script(
    call("read_file", { path: "orders.py" }),
    call("edit_file", { path: "orders.py", edits: [{ old: "two = 2", new: "two = 3" }] }),
    { text: "Changed." },
  );
  await type("Change it");
  await press("Enter");
  await panel.frame.locator(".question").waitFor();
  await command("Session: New");
  await until(async () => (await panel.messages.count()) === 0 && (await hasFocus(panel.text)), "the new session");
  await until(async () => {
    await press("Control+k", "Control+n");
    return panel.frame
      .locator(".question")
      .waitFor({ timeout: 3000 })
      .then(
        () => true,
        () => false,
      );
  }, "the session that needs an answer");
  await answer("Control+y");
  await panel.finishedReply(3);
  const file = path.join(editor.folder, "orders.py");
  const text = () => fs.readFileSync(file, "utf8");

  const review = panel.frame.getByRole("button", { name: /^Review Changes/ });
  await review.waitFor();
  await reach(panel.text);
  await reach(review, "Shift+Tab");
  await press("Enter");
  await window.page.locator(".tab.active", { hasText: "Changes:" }).waitFor();
  await window.shot("keyboard-review-dark");
  await command("View: Close Editor");
  await command("Session: Send Message");
  const undo = panel.frame.getByRole("button", { name: "Undo", exact: true });
  await undo.waitFor();
  await until(() => hasFocus(panel.text), "the composer to have the focus again");
  await reach(undo, "Shift+Tab");
  await press("Enter");
  await panel.frame
    .getByText(/Undone|Reverted|undone|reverted/)
    .first()
    .waitFor();
  await command("File: Save All");
  await until(() => text().includes("two = 2"), "the file to be as before");
});
