// A typical use of a session, and the screenshots of it for the READMEs. With SESSIONLS_PICTURES=1 they are copied into
// media/screenshots; otherwise they are only kept with the other screenshots.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { shots, startEditor, startModel, step, themes, until } from "./editor.mjs";
import { root } from "./setup.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

const READER = `"""Reads records from text files."""

from pathlib import Path


def read(path: Path) -> list[str]:
    """All lines of the file, without their ends."""
    lines = path.read_text().split("\\n")
    return [line.rstrip() for line in lines[:-1]]


def count(path: Path) -> int:
    return len(read(path))
`;
const ANSWER = `\`read\` splits at every line end and then drops the last piece with \`lines[:-1]\`.

- A file that **ends with a line end** leaves an empty piece there: nothing is lost.
- A file that **does not** loses its last line.

\`splitlines\` makes no empty piece, so nothing has to be dropped:

\`\`\`python
def read(path: Path) -> list[str]:
    """All lines of the file, without their ends."""
    return [line.rstrip() for line in path.read_text().splitlines()]
\`\`\``;
const FINDING = {
  path: "reader.py",
  quote: "    return [line.rstrip() for line in lines[:-1]]",
  severity: "error",
  title: "The last line is lost where the file does not end with a line end",
  body: "`lines[:-1]` drops the last piece of the split, which is empty only where the file ends with a line end.",
  rule: "data-loss",
  suggestion: "    return [line.rstrip() for line in path.read_text().splitlines()]",
};

before(async () => {
  model = await startModel();
  const settings = {
    "workbench.colorTheme": themes.dark,
    "editor.minimap.enabled": false,
    "window.commandCenter": false,
    "comments.openView": "never",
  };
  editor = await startEditor({ files: { "reader.py": READER, "notes.md": "# Notes\n" }, model, settings, shared: true });
  window = await editor.window({ width: 1440, height: 860 });
  panel = window.panel;
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

async function picture(name) {
  await window.shot(name);
  if (!process.env.SESSIONLS_PICTURES) return;
  const folder = path.join(root, "media/screenshots");
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(shots, `${name}.png`), path.join(folder, `${name}.png`));
}

const send = async (text) => {
  await panel.text.fill(text);
  return panel.submit();
};

it("the selection is sent, and another agent answers one message", async () => {
  await window.open("reader.py");
  await window.page.locator(".activitybar .action-label[aria-label^='Sessions']").click();
  await window.page.locator(".view-line", { hasText: "def read" }).first().click();
  await window.page.keyboard.press("Home");
  for (let line = 0; line < 4; line += 1) await window.page.keyboard.press("Shift+ArrowDown");
  await window.command("Session: New");
  await panel.frame.getByRole("button", { name: /^Add reader.py/ }).click();
  await model.script(
    { text: "", tools: [{ name: "read_file", arguments: { path: "reader.py" } }] },
    { text: ANSWER },
    { text: "", tools: [{ name: "report_finding", arguments: FINDING }] },
    { text: "One finding: a line can be lost." },
  );
  const answered = await send("Why does this lose the last line of some files?");
  assert.match(await answered.innerText(), /splitlines/);
  const reviewed = await send("@review Is there more wrong with it?");
  assert.equal(await reviewed.locator(".author").innerText(), "review");
  assert.match(await panel.agent.innerText(), /code/);
  await reviewed.locator(".finding").waitFor();
});

it("the session, the code and the finding are visible together", async () => {
  await model.script({ text: "It is one pass over the text, and as fast as the split." });
  await window.command("Session: Fork");
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
  await window.command("Session: Rename…");
  const input = window.page.locator(".quick-input-widget:visible input").first();
  await input.fill("Is splitlines as fast?");
  await window.page.keyboard.press("Enter");
  await panel.frame.getByRole("heading", { name: "Is splitlines as fast?" }).waitFor();
  await send("Is `splitlines` as fast?");
  await panel.frame.getByRole("button", { name: "forked" }).click();
  await panel.frame.getByRole("heading", { name: "Why does this lose" }).waitFor();
  await panel.replies.last().locator(".finding").waitFor();
  await until(
    async () => (await window.page.locator(".monaco-list[aria-label='Sessions'] [aria-level='2']").count()) === 1,
    "the fork",
  );
  await window.command("Notifications: Clear All Notifications");
  await panel.replies.first().scrollIntoViewIfNeeded();
  await picture("session");
  await panel.replies.last().locator(".finding").scrollIntoViewIfNeeded();
  await window.page.locator(".view-line", { hasText: "from pathlib" }).first().click();
  await window.page.locator(".margin-view-overlays .comment-thread-unresolved").first().click();
  await window.page.locator(".review-widget").getByText(FINDING.title).first().waitFor();
  await picture("finding");
});
