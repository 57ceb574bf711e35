// What is in a picture of VS Code's own views: the list of sessions, permissions, pickers. `stage` says when: what is in the database.
import { PLACES_OF_VIEWS } from "./gallery.mjs";

const list = (gallery) => gallery.page.locator(".pane-body .monaco-list[aria-label='Sessions']");
const focusList = (gallery) => gallery.run("sessionls.sessions.focus");
const view = (name, pose, undo) => ({ name, view: true, in: PLACES_OF_VIEWS, pose, undo });
const window = (name, pose, undo) => ({ name, view: true, in: ["window"], pose, undo });
const welcome = (gallery, text) => gallery.page.locator(".part.sidebar").getByText(text).first().waitFor({ timeout: 60_000 });

/** Reloads the window while the server is in a state, for what is shown before the first list is loaded. */
const reloaded = (name, state, text, { damage = [], repair = [] } = {}) =>
  view(
    name,
    async (gallery) => {
      if (damage.length > 0) gallery.sql(...damage);
      gallery.serverIs(state);
      await gallery.reload();
      await focusList(gallery);
      await welcome(gallery, text);
    },
    async (gallery) => {
      if (repair.length > 0) gallery.sql(...repair);
      await gallery.restartReady();
    },
  );

/** Before there is a session. */
export const emptyList = [
  view("list-empty", async (gallery) => {
    await focusList(gallery);
    await welcome(gallery, "A session is a conversation");
  }),
  view(
    "list-no-model",
    async (gallery) => {
      await gallery.restartReady({ OPENAI_API_KEY: null, OPENAI_API_BASE: null });
      await welcome(gallery, "No model can answer yet");
    },
    (gallery) => gallery.restartReady(),
  ),
  reloaded("list-starting", "starting", "Loading sessions…"),
  reloaded("list-stopped", "broken", "The sessionls server is not running."),
  reloaded("list-failed", "ready", "The sessions could not be loaded.", {
    damage: ["ALTER TABLE sessions RENAME TO sessions_away"],
    repair: ["ALTER TABLE sessions_away RENAME TO sessions"],
  }),
];

export const oneSession = [
  view("list-one", async (gallery) => {
    await focusList(gallery);
    await list(gallery).locator(".monaco-list-row").first().waitFor();
  }),
];

/** What is typed into the first input box that is open. */
const fillBox = async ({ page }, text) => {
  await page.locator(".quick-input-widget:visible input").first().fill(text);
};
const escape = ({ page }) => page.keyboard.press("Escape");
const picker = (name, command, more = async () => {}) =>
  window(
    name,
    async (gallery) => {
      gallery.start(command);
      await gallery.page.locator(".quick-input-widget:visible").waitFor();
      await more(gallery);
      await gallery.page.waitForTimeout(700); // it fades in, and its items come
    },
    async (gallery) => {
      for (let at = 0; at < 3; at += 1) await escape(gallery);
    },
  );
const row = (gallery, text) => gallery.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();

/** With sessions in all states. */
export const allSessions = [
  view("list-many", focusList),
  view(
    "list-pinned",
    async (gallery) => {
      await focusList(gallery);
      await gallery.run("session.pin", gallery.ids.wide);
      await gallery.run("session.showArchived");
      await list(gallery).getByText("Pinned").waitFor();
    },
    async (gallery) => {
      await gallery.run("session.unpin", gallery.ids.wide);
      await gallery.run("session.hideArchived");
    },
  ),
  view(
    "list-by-state",
    async (gallery) => {
      await gallery.drive({ settings: { "sessionls.sessions.groupBy": "state" } });
      await list(gallery).getByText("Paused", { exact: true }).first().waitFor();
    },
    (gallery) => gallery.drive({ settings: { "sessionls.sessions.groupBy": "date" } }),
  ),
  view("list-hovered", async (gallery) => {
    await focusList(gallery);
    await list(gallery).locator(".monaco-list-row:not([aria-expanded])").nth(2).hover();
  }),
  view(
    "list-no-match",
    async (gallery) => {
      gallery.start("session.filter");
      await gallery.page.locator(".quick-input-title", { hasText: "Filter Sessions" }).waitFor();
      await fillBox(gallery, "a title that no session has");
      await gallery.page.keyboard.press("Enter");
      await welcome(gallery, "No session matches");
    },
    (gallery) => gallery.run("session.clearFilter"),
  ),
  view(
    "permissions",
    async (gallery) => {
      await gallery.run("session.permissions");
      await gallery.page.locator(".pane", { has: gallery.page.getByRole("heading", { name: "Permissions" }) }).waitFor();
    },
    focusList,
  ),
  picker("pick-model", "session.setUpModel"),
  picker("pick-endpoint", "session.setUpModel", async (gallery) => {
    await fillBox(gallery, "Own Endpoint");
    await row(gallery, "Own Endpoint").click();
  }),
  picker("pick-key", "session.setUpModel", async (gallery) => {
    await fillBox(gallery, "Mistral");
    await row(gallery, "Mistral").click();
    await gallery.page.locator(".quick-input-title", { hasText: "Mistral: Key" }).waitFor();
  }),
  picker("pick-session", "session.open"),
  picker("pick-search", "session.search", async (gallery) => {
    await fillBox(gallery, "last line");
    await row(gallery, "line").waitFor();
  }),
];
