// How long a key takes in a session of 10,000 messages, and in a list of 2,000 sessions. The times are printed.
import { after, before } from "node:test";
import { startEditor, startModel, step } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model });
  editor.fill(10_000);
  editor.fill(2000, "sessions");
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: Refresh List");
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

/** Starts to measure each key in this page, from its press to the end of the next frame. */
const measure = (element) =>
  element.evaluate((node) => {
    const page = node.ownerDocument.defaultView;
    page.keyTimes = [];
    const onKey = () => {
      const started = page.performance.now();
      page.requestAnimationFrame(() => page.setTimeout(() => page.keyTimes.push(page.performance.now() - started)));
    };
    page.addEventListener("keydown", onKey, true);
  });

/** A summary of the measured times. */
const summary = async (element) => {
  const times = await element.evaluate((element) => element.ownerDocument.defaultView.keyTimes);
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  return `${sorted.length} keys: median ${sorted[sorted.length >> 1]} ms, longest ${sorted.at(-1)} ms`;
};

it("typing in a session of 10,000 messages", async (test) => {
  await window.command("Session: Open…");
  await window.page.locator(".quick-input-widget:visible input").first().fill("10000 messages");
  const row = window.page.locator(".quick-input-list .monaco-list-row", { hasText: "A session of 10000 messages" });
  await row.first().click();
  await panel.replies.last().waitFor();
  await panel.text.click();
  await measure(panel.text);
  await window.page.keyboard.type("a text of some forty letters, typed here", { delay: 60 });
  test.diagnostic(await summary(panel.text));
});

it("the arrow keys in a list of 2,000 sessions", async (test) => {
  await window.command("Sessions: Focus on Sessions View");
  const list = window.page.locator(".pane-body .monaco-list[aria-label='Sessions']");
  await list.locator(".monaco-list-row").first().click();
  const body = window.page.locator("body");
  await measure(body);
  for (let count = 0; count < 40; count += 1) await window.page.keyboard.press("ArrowDown", { delay: 40 });
  test.diagnostic(await summary(body));
});
