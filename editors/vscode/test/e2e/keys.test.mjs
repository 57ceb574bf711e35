// How long a key takes in a session of 10,000 messages, and in a list of 2,000 sessions: with the first page, and, with the variable
// SESSIONLS_E2E_ALL_PAGES=1, with all pages loaded, which takes minutes. The times are printed, with the load of the machine.
import os from "node:os";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

const allPages = process.env.SESSIONLS_E2E_ALL_PAGES === "1";
const MESSAGES = 10_000;
const SESSIONS = 2000;
const LOADING = 15 * 60_000; // milliseconds

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);
const list = () => window.page.locator(".pane-body .monaco-list[aria-label='Sessions']");

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model, shared: true });
  editor.fill(MESSAGES);
  editor.fill(SESSIONS, "sessions");
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
    if (page.measuresKeys) return;
    page.measuresKeys = true;
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
  const load = os.loadavg()[0].toFixed(1);
  return `${sorted.length} keys: median ${sorted[sorted.length >> 1]} ms, longest ${sorted.at(-1)} ms (load ${load})`;
};

async function typeMessage(test) {
  await panel.text.click();
  await measure(panel.text);
  await window.page.keyboard.type("a text of some forty letters, typed here", { delay: 60 });
  test.diagnostic(await summary(panel.text));
}

async function pressArrows(test, key) {
  const body = window.page.locator("body");
  await measure(body);
  for (let count = 0; count < 40; count += 1) await window.page.keyboard.press(key, { delay: 40 });
  test.diagnostic(await summary(body));
}

it("typing in a session of 10,000 messages", async (test) => {
  await window.command("Session: Open…");
  await window.page.locator(".quick-input-widget:visible input").first().fill(`${MESSAGES} messages`);
  const row = window.page.locator(".quick-input-list .monaco-list-row", { hasText: `A session of ${MESSAGES} messages` });
  await row.first().click();
  await panel.replies.last().waitFor();
  await typeMessage(test);
});

it("the arrow keys in a list of 2,000 sessions", async (test) => {
  await window.command("Sessions: Focus on Sessions View");
  await list().locator(".monaco-list-row").first().click();
  await pressArrows(test, "ArrowDown");
});

if (allPages) {
  it("the arrow keys in a list of 2,000 sessions, all loaded", async (test) => {
    await window.command("Sessions: Focus on Sessions View");
    const more = list().locator(".monaco-list-row", { hasText: "Show More" });
    const started = performance.now();
    // The last page has no row for more.
    for (let page = 1; page * 100 < SESSIONS; page += 1) {
      await until(async () => {
        await window.page.keyboard.press("End");
        return more.isVisible();
      }, `the row after page ${page}`);
      await more.click();
      await more.waitFor({ state: "hidden" });
    }
    test.diagnostic(`loaded in ${Math.round((performance.now() - started) / 1000)} s`);
    await pressArrows(test, "ArrowUp");
  });

  it("typing in a session of 10,000 messages, all loaded", async (test) => {
    await window.page
      .locator(".tab", { hasText: `${MESSAGES} messages` })
      .first()
      .click();
    await panel.text.waitFor();
    const transcript = panel.frame.locator(".transcript");
    const started = performance.now();
    await until(
      async () => {
        await transcript.evaluate((element) => element.scrollTo(0, 0));
        return (await panel.frame.locator(".older").count()) === 0;
      },
      "all messages",
      LOADING,
    );
    const seconds = Math.round((performance.now() - started) / 1000);
    test.diagnostic(`loaded ${await panel.messages.count()} messages in ${seconds} s`);
    await typeMessage(test);
    await transcript.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await typeMessage(test);
  });

  it("typing while a reply is written, with all messages loaded", async (test) => {
    await panel.text.fill(`slow: ${Array.from({ length: 300 }, (_, at) => `word${at}`).join(" ")}`);
    await panel.text.press("Enter");
    await panel.frame.locator(".message.agent.replying").getByText("word0").waitFor();
    await typeMessage(test);
  });
}
