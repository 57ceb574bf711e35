// A session of 10,000 messages beside one of 50: it loads as many messages, loads older pages on scrolling, and is as quick to write in.
// The times are printed, with their ratio; what is asserted is how much of the session the page holds.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, step, until } from "./editor.mjs";

const SHORT = 50;
const LONG = 10_000;
const PAGE = 50;
const ROUNDS = 3;

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model, shared: true });
  editor.fill(SHORT);
  editor.fill(LONG);
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: Refresh List");
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

/** Opens a session from the palette. Returns the milliseconds until its last message is shown. */
async function open(count) {
  const row = window.page.locator(".quick-input-list .monaco-list-row", { hasText: `A session of ${count} messages` });
  const offered = async () => {
    await window.command("Session: Open…");
    return row
      .first()
      .waitFor({ timeout: 5000 })
      .then(
        () => true,
        () => false,
      );
  };
  // VS Code may move the focus after the last editor has closed, which closes the picker.
  await until(offered, "the picker to stay open", 60_000);
  const started = performance.now();
  await row.first().click();
  await panel.replies.last().getByText("The parser reads").waitFor();
  return performance.now() - started;
}

const close = async () => {
  await window.command("View: Close All Editors");
  await until(async () => (await window.page.locator(".tab").count()) === 0, "the panel to be closed");
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

it("opens with only its newest messages, however many there are", async (test) => {
  const times = { [SHORT]: [], [LONG]: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const count of [SHORT, LONG]) {
      times[count].push(await open(count));
      assert.equal(await panel.messages.count(), PAGE);
      await close();
    }
  }
  const [short, long] = [median(times[SHORT]), median(times[LONG])];
  test.diagnostic(
    `to open: ${Math.round(short)} ms with ${SHORT} messages, ${Math.round(long)} ms with ${LONG}; ratio ${(long / short).toFixed(2)}`,
  );
});

it("loads an older page on scrolling to the start, and the visible messages keep their position", async (test) => {
  await open(LONG);
  const log = panel.frame.locator(".transcript");
  const times = [];
  for (let page = 2; page <= 12; page += 1) {
    const started = performance.now();
    const before = await scrollTo(log, 100);
    await until(async () => (await panel.messages.count()) >= page * PAGE, "the page before");
    times.push(performance.now() - started);
    const firstVisible = panel.frame.locator(`.message[data-id="${before.id}"]`);
    await until(
      async () => Math.abs((await offsetOf(firstVisible, log)) - before.top) < 3,
      "the visible message to keep its position",
    );
  }
  test.diagnostic(`a page back: ${Math.round(median(times))} ms, the last ${Math.round(times.at(-1))} ms`);
  await window.shot("long-session-dark");
});

it("a new reply at its end is shown and followed", async () => {
  await panel.frame.getByRole("button", { name: "To the newest message" }).click();
  const reply = await panel.ask("say: still quick");
  await reply.getByText("still quick").waitFor();
  assert.ok(await reply.isVisible());
});

/** Scrolls, and returns the first message and its position, before the page loads older messages. */
const scrollTo = (log, top) =>
  log.evaluate((element, to) => {
    element.scrollTop = to;
    const first = element.querySelector(".message");
    return { id: first.dataset.id, top: first.getBoundingClientRect().top - element.getBoundingClientRect().top };
  }, top);

/** The distance in pixels of a message from the upper edge of the transcript. */
const offsetOf = async (message, log) => (await message.boundingBox()).y - (await log.boundingBox()).y;
