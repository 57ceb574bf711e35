// What is in a picture of a session's page: a session, how it is brought into view (`pose`), and how that is taken back (`undo`).
import { attachImage } from "./sessions.mjs";

const bottom = ({ frame }) => frame.locator(".transcript").evaluate((element) => element.scrollTo(0, element.scrollHeight));
const top = ({ frame }) => frame.locator(".transcript").evaluate((element) => element.scrollTo(0, 0));
const scrollTo =
  (selector) =>
  ({ frame }) =>
    frame
      .locator(selector)
      .first()
      .evaluate((element) => element.scrollIntoView({ block: "start" }));
const openFolds = async (gallery) => {
  await gallery.frame.locator("details").evaluateAll((elements) => {
    for (const element of elements) element.open = true;
  });
  await bottom(gallery);
};
const removeChips = async ({ panel, frame }) => {
  while ((await frame.locator(".chip.taken").count()) > 0) {
    await frame.locator(".chip.taken .chip-button").first().press("Enter");
    await panel.text.press("End"); // after the chip has gone
  }
  await panel.text.fill("");
};
const clear = ({ panel }) => panel.text.fill("");
/** Types the beginning of a word that opens a menu. */
const complete = (text) => async (gallery) => {
  await clear(gallery);
  await gallery.panel.write(text);
  await gallery.frame.locator(".menu-item, .menu-empty").first().waitFor();
};
const notReady = (state, words) => ({
  pose: async (gallery) => {
    gallery.serverIs(state);
    gallery.start("session.restartServer");
    await gallery.frame.getByText(words).waitFor({ timeout: 60_000 });
    await bottom(gallery);
    await gallery.run("notifications.clearAll");
  },
  undo: (gallery) => gallery.restartReady(),
});

/** The pages of sessions while the server works. */
export const states = [
  { name: "interrupted", pose: bottom },
  {
    name: "held-back",
    session: "interrupted",
    pose: async ({ panel, frame }) => {
      await panel.text.fill("go on without it");
      await panel.text.press("Enter");
      await frame.locator(".held-back").waitFor();
    },
    undo: async ({ panel }) => {
      await panel.text.press("Escape");
      await panel.text.fill("");
    },
  },
  { name: "wide", pose: top },
  { name: "wide-end", session: "wide", pose: bottom },
  { name: "drawn", pose: scrollTo("table") },
  { name: "drawn-end", session: "drawn", pose: bottom },
  { name: "thought", pose: bottom },
  {
    name: "thought-open",
    session: "thought",
    pose: async (gallery) => {
      await openFolds(gallery);
      await top(gallery);
    },
  },
  {
    name: "actions",
    session: "thought",
    // By the keyboard, so that the ring of the focus is shown too.
    pose: async (gallery) => {
      await top(gallery);
      await gallery.frame.locator(".message").first().locator(".message-actions button").first().focus();
      await gallery.page.keyboard.press("ArrowRight");
    },
  },
  { name: "finding", pose: scrollTo(".finding") },
  { name: "findings", pose: scrollTo(".finding") },
  { name: "findings-end", session: "findings", pose: bottom },
  { name: "outside", pose: scrollTo(".finding") },
  { name: "plan", pose: scrollTo(".plan") },
  { name: "failed", pose: bottom },
  { name: "limit", pose: bottom },
  { name: "changed", pose: bottom },
  { name: "changed-open", session: "changed", pose: openFolds },
  { name: "not-applied", pose: openFolds },
  { name: "question", pose: bottom },
  { name: "question-long", pose: bottom },
  {
    name: "question-long-end",
    session: "question-long",
    pose: ({ frame }) => frame.locator(".questions").evaluate((element) => element.scrollTo(0, element.scrollHeight)),
  },
  { name: "question-command", pose: bottom },
  { name: "queue", pose: bottom },
  { name: "paused", pose: bottom },
  { name: "budget", pose: bottom },
  {
    name: "problem",
    session: "budget",
    pose: async (gallery) => {
      await gallery.frame.getByRole("button", { name: "Resume" }).click();
      await gallery.frame.locator(".bar.problem").waitFor();
    },
    undo: ({ frame }) => frame.getByRole("button", { name: "Dismiss" }).click(),
  },
  { name: "archived", pose: bottom },
  { name: "fork", pose: bottom },
  { name: "images", pose: top },
  {
    name: "images-composer",
    session: "images",
    pose: async (gallery) => {
      await attachImage(gallery, "window.png");
      await attachImage(gallery, "the_error_that_the_page_shows_after_a_reload.png");
      await gallery.panel.text.fill("What do they show?");
    },
    undo: removeChips,
  },
  {
    name: "chips",
    session: "limit",
    pose: async ({ panel, frame }) => {
      for (const name of ["read.py", "the_file_that_is_reviewed.py"]) {
        await panel.text.fill("");
        await panel.write(`#${name.slice(0, 10)}`);
        await frame.locator(".menu-item", { hasText: name }).first().click();
        await frame.locator(".chip.taken", { hasText: name }).waitFor();
      }
      await panel.text.fill("What do they have in common? ".repeat(6));
    },
    undo: removeChips,
  },
  {
    name: "agents",
    session: "limit",
    pose: async ({ panel, frame }) => {
      await panel.agent.click();
      await frame.getByRole("option").first().waitFor();
    },
    undo: ({ panel }) => panel.agent.press("Escape"),
  },
  { name: "slash", session: "limit", pose: complete("/"), undo: clear },
  { name: "context", session: "limit", pose: complete("#"), undo: clear },
  { name: "nothing-found", session: "limit", pose: complete("@nobody"), undo: clear },
  { name: "empty", session: null },
  {
    name: "deleted",
    session: "fork",
    pose: async (gallery) => {
      gallery.start("session.delete", gallery.ids.fork);
      await gallery.frame.getByText("This session was deleted.").waitFor();
      await gallery.run("notifications.clearAll");
    },
    undo: async ({ frame }) => {
      await frame.getByRole("button", { name: "Undo" }).last().click();
      await frame.getByText("This session was deleted.").waitFor({ state: "hidden" });
    },
  },
];

/** The pages of sessions without a server or a model. */
export const troubles = [
  { name: "server-starting", session: "limit", ...notReady("starting", "The server is starting…") },
  { name: "server-stopped", session: "limit", ...notReady("broken", "The server has stopped.") },
  {
    name: "no-model",
    session: "limit",
    pose: async (gallery) => {
      await gallery.restartReady({ OPENAI_API_KEY: null, OPENAI_API_BASE: null });
      await gallery.frame.getByRole("button", { name: "Set Up a Model…" }).waitFor();
      await bottom(gallery);
    },
    undo: (gallery) => gallery.restartReady(),
  },
  {
    name: "unreadable",
    session: "limit",
    pose: async (gallery) => {
      gallery.sql("UPDATE sessions SET session = '{' || session");
      await gallery.reload();
      await gallery.frame.locator(".bar.problem", { hasText: "cannot be read" }).waitFor({ timeout: 60_000 });
    },
    undo: async (gallery) => {
      gallery.sql("UPDATE sessions SET session = substr(session, 2)");
      await gallery.reload();
      await gallery.frame.locator(".message").first().waitFor({ timeout: 60_000 });
    },
  },
];

/** A workspace that is not trusted. */
export const restricted = [
  { name: "restricted", session: "denied", pose: bottom },
  {
    name: "restricted-agents",
    session: "denied",
    pose: async ({ panel, frame }) => {
      await panel.agent.click();
      await frame.getByRole("option").first().waitFor();
    },
    undo: ({ panel }) => panel.agent.press("Escape"),
  },
];
