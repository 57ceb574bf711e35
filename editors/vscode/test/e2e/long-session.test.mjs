// A session of 10,000 messages beside one of 50: it opens with the same work, pages back as one scrolls, and is as quick to write in.
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
  editor = await startEditor({ files: { "notes.md": "# Notes\n" }, model });
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

/** Opens a session from the palette, and gives the milliseconds from choosing it to its last message being there. */
async function open(count) {
  await window.command("Session: Open…");
  const row = window.page.locator(".quick-input-list .monaco-list-row", { hasText: `A session of ${count} messages` });
  await row.first().waitFor();
  const began = performance.now();
  await row.first().click();
  await panel.replies.last().getByText("The parser reads").waitFor();
  return performance.now() - began;
}

const close = async () => {
  await window.command("View: Close All Editors");
  await until(async () => (await window.page.locator(".tab").count()) === 0, "the panel to be closed");
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

it("opens with its newest messages alone, however many there are", async (test) => {
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

it("loads a page each time the start comes near, and what was in sight stays in place", async (test) => {
  await open(LONG);
  const log = panel.frame.locator(".transcript");
  const times = [];
  for (let page = 2; page <= 12; page += 1) {
    const began = performance.now();
    const before = await scrolled(log, 100);
    await until(async () => (await panel.messages.count()) >= page * PAGE, "the page before");
    times.push(performance.now() - began);
    const seen = panel.frame.locator(`.message[data-id="${before.id}"]`);
    await until(async () => Math.abs((await place(seen, log)) - before.top) < 3, "what was in sight to stay there");
  }
  test.diagnostic(`a page back: ${Math.round(median(times))} ms, the last ${Math.round(times.at(-1))} ms`);
  await window.shot("long-session-dark");
});

it("a reply at its end is written and followed as in a short one", async () => {
  await panel.frame.getByRole("button", { name: "To the newest message" }).click();
  const reply = await panel.ask("say: still quick");
  await reply.getByText("still quick").waitFor();
  assert.ok(await reply.isVisible());
});

/** Scrolls, and gives the first message and where it stands then, before the page can do anything about it. */
const scrolled = (log, top) =>
  log.evaluate((element, to) => {
    element.scrollTop = to;
    const first = element.querySelector(".message");
    return { id: first.dataset.id, top: first.getBoundingClientRect().top - element.getBoundingClientRect().top };
  }, top);

/** Where a message stands below the upper edge of what shows it, in pixels. */
const place = async (message, log) => (await message.boundingBox()).y - (await log.boundingBox()).y;
