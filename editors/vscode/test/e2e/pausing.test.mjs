// Pausing and resuming: queue, cancel, pause, a reload of the window, resume, fork, permission, a server that was killed.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const words = (count) => Array.from({ length: count }, (_, at) => `word${at}`).join(" ");

const careful =
  "---\nname: careful\ndescription: Asks before it reads.\ntools: [read_file]\npermissions: {read: ask}\n---\nYou are careful.\n";

before(async () => {
  model = await startModel();
  editor = await startEditor({
    files: { "notes.md": "the content\n", ".sessionls/agents/careful.md": careful },
    model,
    shared: true,
  });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

/** Waits until the composer has the focus. */
const composerFocused = () => until(() => panel.text.evaluate((area) => area === area.ownerDocument.activeElement), "the focus");

it("a message sent during a reply waits, and is shown as waiting", async () => {
  await panel.text.fill(`slow: ${words(60)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").waitFor();
  await panel.write("say: second");
  await panel.send.click();
  await composerFocused();
  await panel.frame.getByText("1 waiting").waitFor();
  await panel.frame.getByText("Waiting for the previous reply").waitFor();
  await window.shot("queue-dark");
  assert.match(await (await panel.finishedReply(1)).innerText(), /second/);
  assert.match(await panel.replies.first().innerText(), /word59/);
});

it("cancel ends the reply and keeps what it wrote", async () => {
  await panel.text.fill(`slow: begun ${words(200)}`);
  await panel.text.press("Enter");
  await panel.frame.getByText("begun word0", { exact: false }).last().waitFor();
  await panel.frame.getByRole("button", { name: "Cancel Reply" }).click();
  const reply = await panel.finishedReply(2);
  assert.match(await reply.innerText(), /begun[\s\S]*Cancelled/);
});

it("a paused reply and a draft survive a reload of the window, and the reply can be resumed", async () => {
  await panel.text.fill(`slow: ${words(80)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").getByText("word0").waitFor();
  await panel.frame.getByRole("button", { name: "Pause" }).click();
  await panel.frame.getByText("This session is paused.").waitFor();
  await panel.write("not sent yet");
  await window.shotInEachTheme("paused");
  await window.reload();
  await panel.frame.getByText("This session is paused.").waitFor({ timeout: 60_000 });
  assert.equal(await panel.text.inputValue(), "not sent yet");
  assert.equal(await panel.send.isEnabled(), false);
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Resume and Send" }).waitFor();
  await panel.frame.getByRole("button", { name: "Continue in a Fork" }).waitFor();
  await window.shotInEachTheme("held-back");
  await panel.text.press("Escape");
  await panel.frame.getByRole("button", { name: "Continue in a Fork" }).waitFor({ state: "hidden" });
  await panel.frame.getByRole("button", { name: "Resume" }).click();
  await panel.replies
    .nth(3)
    .getByText(/^word0 .*Continue exactly where it stops/)
    .waitFor();
  await panel.text.fill("");
});

it("a message to a paused session is sent in a fork, and the session stays paused", async () => {
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(80)}`);
  await panel.text.press("Enter");
  await panel.replies.nth(before).getByText("word0").waitFor();
  await panel.frame.getByRole("button", { name: "Pause" }).click();
  await panel.frame.getByText("This session is paused.").waitFor();
  await panel.text.fill("say: in another way");
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Continue in a Fork" }).click();
  const parent = panel.frame.getByRole("button", { name: "forked" });
  await parent.waitFor();
  await until(async () => (await panel.text.inputValue()) === "say: in another way", "the message in the composer of the fork");
  assert.equal(await panel.frame.getByText("This session is paused.").count(), 0);
  await panel.text.press("Enter");
  await panel.replies.getByText("in another way").waitFor();
  await window.shot("continued-in-fork-dark");
  await parent.click();
  await panel.frame.getByText("This session is paused.").waitFor();
  assert.equal(await panel.text.inputValue(), "", "the message is in the fork only");
  await panel.frame.getByRole("button", { name: "Resume" }).click();
  await panel.finishedReply(before);
});

it("a permission question is shown in the panel, and Deny prevents the call", async () => {
  const before = await panel.replies.count();
  await panel.text.fill('@careful tool: read_file {"path": "notes.md"}');
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Deny" }).waitFor();
  const question = panel.frame.getByRole("alertdialog", { name: "Permission for careful" });
  await question.getByText("For this session: read_file, in replies to your messages").waitFor();
  await question.getByRole("button", { name: /^Allow for This Session: read_file/ }).waitFor();
  await window.shotInEachTheme("permission");
  await panel.frame.getByRole("button", { name: "Deny" }).press("Enter");
  await composerFocused();
  const reply = await panel.finishedReply(before);
  await reply.locator(".tool.denied").waitFor();
  assert.equal(await panel.frame.locator(".question").count(), 0);
  assert.ok(!model.requests.some((request) => JSON.stringify(request).includes("the content")), "the model never saw the file");
});

it("Allow Once runs the tool, and its call is shown collapsed", async () => {
  const before = await panel.replies.count();
  await panel.text.fill('@careful tool: read_file {"path": "notes.md"}');
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Allow Once" }).click();
  const reply = await panel.finishedReply(before);
  const tool = reply.locator(".tool.done");
  assert.equal(await tool.getByText("the content").isVisible(), false);
  await tool.locator("summary").click();
  await tool.getByText("the content").waitFor();
  await window.shot("tool-dark");
});

it("a message that steers the reply is dim until the reply gets it", async () => {
  const before = await panel.replies.count();
  await panel.text.fill('@careful tool: read_file {"path": "notes.md"}');
  await panel.text.press("Enter");
  const question = panel.frame.locator(".question");
  await question.waitFor();
  await panel.text.fill("say: only the first line");
  await panel.text.press("Control+Enter");
  const steering = panel.frame.locator(".message.participant", { hasText: "only the first line" });
  const colorOf = (message) => message.locator(".message-body").evaluate((body) => globalThis.getComputedStyle(body).color);
  const isDim = async () => (await colorOf(steering)) !== (await colorOf(panel.messages.first()));
  await steering.getByText("Added to the current reply at its next step").waitFor();
  assert.ok(await isDim());
  await window.shot("steering-dark");
  await question.getByRole("button", { name: "Allow Once" }).click();
  await panel.finishedReply(before);
  await until(async () => !(await isDim()), "the message to be as bright as the others");
  assert.equal(await steering.getByText("Added to the current reply at its next step").count(), 0);
  assert.equal(await panel.replies.count(), before + 1, "it has no reply of its own");
  await window.shot("steered-dark");
});

it("keyboard shortcuts answer the question, pause the reply and cancel it", async () => {
  const press = async (...keys) => {
    for (const key of keys) await window.page.keyboard.press(key);
  };
  for (const [key, status] of [
    ["Control+d", "denied"],
    ["Control+y", "done"],
  ]) {
    const before = await panel.replies.count();
    await panel.text.fill('@careful tool: read_file {"path": "notes.md"}');
    await panel.text.press("Enter");
    await panel.frame.getByRole("button", { name: "Deny" }).waitFor();
    await panel.text.click();
    await until(async () => {
      if ((await panel.frame.locator(".question").count()) === 0) return true;
      await press("Control+k", key);
      return false;
    }, `the key for ${status}`);
    await (await panel.finishedReply(before)).locator(`.tool.${status}`).waitFor();
  }
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(200)}`);
  await panel.text.press("Enter");
  await panel.replies.nth(before).getByText("word0").waitFor();
  await panel.text.press("Escape");
  await panel.replies.nth(before).getByText("Cancelled").waitFor();
  await panel.text.fill(`slow: ${words(200)}`);
  await panel.text.press("Enter");
  await panel.replies
    .nth(before + 1)
    .getByText("word0")
    .waitFor();
  await press("Control+k", "Control+p");
  await panel.frame.getByText("This session is paused.").waitFor();
  await panel.frame.getByRole("button", { name: "Resume" }).click();
  await panel.finishedReply(before + 1);
});

it("a hidden session that asks for permission is indicated until it is answered, even if its notification is cleared", async () => {
  const before = await panel.replies.count();
  await panel.text.fill('@careful tool: read_file {"path": "notes.md"}');
  await window.command("View: Show Sessions");
  const row = window.page.locator(".pane-body .monaco-list[aria-label='Sessions'] .monaco-list-row").first();
  await panel.text.press("Enter");
  await panel.frame.locator(".question").waitFor();
  await window.command("File: New Untitled Text File");
  const note = window.notification("careful asks");
  await note.getByText("in replies to your messages").waitFor();
  const item = window.page.locator(".statusbar-item", { hasText: "Session needs you" });
  const badge = window.page.locator(".activitybar .action-item", {
    has: window.page.locator("[aria-label*='A session needs you']"),
  });
  for (const cleared of [false, true]) {
    if (cleared) await window.command("Notifications: Clear All Notifications");
    await until(async () => (await note.count()) === (cleared ? 0 : 1), "the notification");
    await until(async () => /needs you: permission/.test(await row.innerText()), "the session to ask in the list");
    assert.doesNotMatch(await row.innerText(), /replying/);
    await item.waitFor();
    await badge.first().waitFor();
    await window.shotInEachTheme(cleared ? "asks-cleared" : "asks");
  }
  await item.click();
  await panel.frame.getByRole("button", { name: "Allow Once" }).click();
  await panel.finishedReply(before);
  await item.waitFor({ state: "hidden" });
  await until(async () => !/needs you: permission/.test(await row.innerText()), "the session to ask no more");
});

it("a waiting message can be moved up, withdrawn, edited, or sent now", async () => {
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(900)}`);
  await panel.text.press("Enter");
  await panel.replies.nth(before).getByText("word0").waitFor();
  const waiting = panel.frame.locator(".message.queued");
  for (const text of ["say: second", "say: never sent"]) {
    await panel.text.fill(text);
    await panel.text.press("Enter");
  }
  await until(async () => (await waiting.count()) === 2, "both to wait");
  await window.shotInEachTheme("queue");
  await waiting.nth(1).getByRole("button", { name: "Answer Sooner" }).click();
  await until(async () => /never sent/.test(await waiting.first().innerText()), "the second to stand first");
  await waiting.first().getByRole("button", { name: "Withdraw" }).click();
  await until(async () => (await waiting.count()) === 1, "one to be withdrawn");
  await waiting.getByRole("button", { name: "Edit" }).click();
  await waiting.waitFor({ state: "hidden" });
  await until(async () => (await panel.text.inputValue()) === "say: second", "the message in the composer again");
  await panel.text.fill("say: at once");
  await panel.text.press("Enter");
  await waiting.getByRole("button", { name: /^Send Now/ }).click();
  await panel.replies.nth(before).getByText("Cancelled").waitFor();
  assert.match(await (await panel.finishedReply(before + 1)).innerText(), /at once/);
  assert.equal(await panel.frame.locator(".bar.problem").count(), 0, "nothing of it is an error");
});

it("a fork from a message opens beside, with the messages up to it", async () => {
  const all = await panel.messages.count();
  const actions = panel.messages
    .nth(1)
    .getByRole("toolbar", { name: /^Message of/ })
    .getByRole("button");
  assert.equal(await actions.and(panel.frame.locator("[tabindex='0']")).count(), 1, "one stop of the Tab key");
  await actions.first().press("End");
  await actions.last().and(panel.frame.locator(":focus")).waitFor();
  assert.equal(await actions.last().getAttribute("aria-label"), "Fork from Here");
  await actions.last().press("Enter");
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
  assert.equal(await panel.messages.count(), 2);
  await panel.ask("say: in the fork");
  await window.shot("fork-dark");
  await panel.frame.getByRole("button", { name: "forked" }).click();
  await until(async () => (await panel.messages.count()) === all, "the parent, as it was");
});

it("Edit and Resend puts a message into the composer of a fork that ends before it", async () => {
  const resend = async (message) => {
    await message.hover();
    await message.getByRole("button", { name: "Edit and Resend" }).click();
  };
  const holds = (text) => until(async () => text.test(await panel.text.inputValue()), `the composer to hold ${text}`);
  await resend(panel.frame.locator(".message.participant", { hasText: "slow: begun" }));
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
  await holds(/^slow: begun word0/);
  assert.equal(await panel.messages.count(), 4);
  await window.shot("resend-dark");
  await panel.text.fill("");
  await resend(panel.messages.first());
  await panel.frame.getByText("Write a message to begin.").waitFor();
  await holds(/^slow: word0/);
  await panel.text.fill("");
  await window.command("View: Close Editor");
  await panel.frame.getByRole("button", { name: "forked" }).waitFor();
});

it("a deleted session accepts no messages until it is restored", async () => {
  await panel.text.fill("say: not sent");
  await window.command("Session: Delete");
  await panel.frame.getByText("This session was deleted.").waitFor();
  assert.equal(await panel.send.isEnabled(), false);
  await window.shot("deleted-dark");
  await panel.frame.getByRole("button", { name: "Undo", exact: true }).click();
  await panel.frame.getByText("This session was deleted.").waitFor({ state: "hidden" });
  await until(() => panel.send.isEnabled(), "the session to take messages again");
  await panel.text.fill("");
  await panel.frame.getByRole("button", { name: "forked" }).click();
  await panel.frame.getByRole("button", { name: "forked" }).waitFor({ state: "hidden" });
  await panel.replies.nth(4).waitFor();
});

it("a server killed during a reply is restarted, and the reply can be resumed", async () => {
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(200)}`);
  await panel.text.press("Enter");
  await panel.frame.locator(".message.agent.replying").getByText("word0").waitFor();
  await panel.text.fill("say: behind it");
  await panel.text.press("Enter");
  await panel.frame.getByText("1 waiting").waitFor();
  assert.equal(editor.killServer(), 1);
  await panel.frame.getByText("Interrupted. Nothing is lost").waitFor({ timeout: 90_000 });
  await window.shotInEachTheme("interrupted");
  await panel.text.fill("say: after it");
  await panel.text.press("Enter");
  await panel.frame.getByText("The last reply was interrupted.").waitFor();
  assert.equal(await panel.text.inputValue(), "say: after it", "nothing is sent before the person says how");
  await panel.frame.getByRole("button", { name: "Resume It, Then Send" }).click();
  await panel.replies
    .nth(before)
    .getByText(/^word0 .*Continue exactly where it stops/)
    .waitFor({ timeout: 60_000 });
  await panel.replies
    .nth(before + 1)
    .getByText("behind it")
    .waitFor({ timeout: 60_000 });
  await panel.replies
    .nth(before + 2)
    .getByText("after it")
    .waitFor({ timeout: 60_000 });
});

it("a message is sent without the interrupted reply, which is not resumed", async () => {
  const before = await panel.replies.count();
  await panel.text.fill(`slow: ${words(200)}`);
  await panel.text.press("Enter");
  await panel.replies.nth(before).getByText("word0").waitFor();
  assert.equal(editor.killServer(), 1);
  await panel.frame.getByText("Interrupted. Nothing is lost").waitFor({ timeout: 90_000 });
  await panel.text.fill("say: without it");
  await panel.text.press("Enter");
  await panel.frame.getByRole("button", { name: "Send Without It" }).click();
  await panel.replies
    .nth(before + 1)
    .getByText("without it")
    .waitFor({ timeout: 60_000 });
  await window.shot("sent-without-dark");
  assert.doesNotMatch(await panel.replies.nth(before).innerText(), /Continue exactly where it stops|word199/);
  assert.equal(await panel.frame.getByText("Interrupted. Nothing is lost").count(), 0);
  assert.equal(await panel.text.inputValue(), "");
});

it("a message that the server did not receive before it ended returns to the composer", async () => {
  const before = await panel.messages.count();
  assert.equal(editor.killServer("suspend"), 1);
  await panel.text.fill("say: nobody hears this");
  await panel.text.press("Enter");
  await until(async () => (await panel.text.inputValue()) === "", "the message to be on its way");
  await window.page.waitForTimeout(500); // until it is written to a process that no longer reads
  assert.equal(editor.killServer(), 1);
  await panel.frame.getByText("The server ended before it received the message.").waitFor({ timeout: 90_000 });
  assert.equal(await panel.text.inputValue(), "say: nobody hears this");
  assert.equal(await panel.messages.count(), before);
  await panel.text.press("Enter");
  await panel.replies.getByText("nobody hears this").waitFor();
  assert.equal(await panel.frame.getByText("The server ended before it received the message.").count(), 0);
});

it("a server that hangs is replaced, and the message it did not receive returns to the composer", async () => {
  assert.equal(editor.killServer("suspend"), 1);
  await panel.text.fill("say: still nobody");
  await panel.text.press("Enter");
  await until(async () => (await panel.text.inputValue()) === "", "the message to be on its way");
  await window.command("Session: Restart Server");
  await panel.frame.getByText("The server ended before it received the message.").waitFor({ timeout: 90_000 });
  assert.equal(await panel.text.inputValue(), "say: still nobody");
  await panel.text.press("Enter");
  await panel.replies.getByText("still nobody").waitFor();
});
