// Restricted Mode: what an untrusted workspace can do, and what changes when it is trusted.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { startEditor, startModel, step, themes, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const words = (count) => Array.from({ length: count }, (_, at) => `word${at}`).join(" ");
const exists = (name) => fs.existsSync(path.join(editor.folder, name));

const files = {
  "notes.md": "the content\n",
  ".sessionls/agents/local.md": "---\nname: local\ndescription: Of this workspace.\n---\nYou are local.\n",
  // Running this command would leave a file behind.
  ".vscode/settings.json": JSON.stringify({ "sessionls.server.command": ["sh", "-c", "touch trapped; sleep 60"] }),
};

before(async () => {
  model = await startModel();
  editor = await startEditor({ files, model, trusted: false });
  window = await editor.window();
  panel = window.panel;
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

it("a built-in agent answers, and the panel says that agents may only read", async () => {
  await window.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
  await window.command("Session: New");
  await panel.text.waitFor();
  await panel.frame.getByText("Restricted Mode: agents may only read").waitFor();
  assert.match(await (await panel.ask("say: a quiet answer")).innerText(), /a quiet answer/);
  assert.equal(exists("trapped"), false, "the workspace names no program to start");
});

it("an agent of the workspace is shown with the reason why it is unavailable", async () => {
  await panel.agent.click();
  const choice = panel.frame.locator("[role=option]", { hasText: "local" });
  await choice.getByText("The workspace is not trusted.").waitFor();
  assert.equal(await choice.getAttribute("aria-disabled"), "true");
  await window.shot("restricted-agents-dark");
  await panel.agent.press("Escape");
});

it("a tool that reads runs, and one that writes is denied without asking", async () => {
  const before = await panel.replies.count();
  await panel.text.fill('tool: read_file {"path": "notes.md"}');
  const read = await panel.submit();
  await read.locator(".tool.done").waitFor();
  await panel.text.fill('tool: create_file {"path": "made.txt", "text": "made"}');
  await panel.text.press("Enter");
  const written = await panel.finishedReply(before + 1);
  await written.locator(".tool.denied").waitFor();
  await written.locator(".tool.denied summary").click();
  await written.getByText("Agents may only read here").first().waitFor();
  assert.equal(await panel.frame.locator(".question").count(), 0);
  assert.equal(exists("made.txt"), false);
  await window.shotInEachTheme("restricted");
});

it("a running reply continues when the workspace is trusted", async () => {
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(500)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").getByText("word0").waitFor();
  await panel.frame.getByRole("button", { name: "Manage Workspace Trust" }).click();
  const trust = window.page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust/ }).first();
  await trust.waitFor();
  await window.shot("restricted-trust-dark");
  await trust.click();
  await window.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor({ state: "hidden" });
  await trust.waitFor({ state: "hidden" });
  await window.page.locator(".monaco-modal-editor-block .codicon-close").first().click();
  await window.page.locator(".workspace-trust-editor").waitFor({ state: "hidden" });
  await panel.frame.locator(".message.agent.replying").waitFor();
  const reply = await panel.finishedReply(before);
  assert.match(await reply.innerText(), /word499/);
  assert.equal(await panel.frame.locator(".message.interrupted").count(), 0);
  await window.shot("trusted-dark");
});

it("in a trusted workspace a tool that writes asks for permission", async () => {
  await panel.text.fill('tool: create_file {"path": "made.txt", "text": "made"}');
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Allow Once" }).click();
  await until(() => exists("made.txt"), "the file");
  assert.equal(exists("trapped"), false, "no other server was started meanwhile");
});

it("the notice is shown in a narrow window in the light theme", async () => {
  await editor.settings({ "workbench.colorTheme": themes.light });
  window = await editor.window({ width: 420, height: 800 });
  await window.command("Session: New");
  await window.panel.frame.getByText("Restricted Mode: agents may only read").waitFor();
  await window.shot("restricted-light-narrow");
});
