// Two people with two logins on one PostgreSQL: two editors of VS Code, each with its own server, on the same folder.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { startEditor, startModel, startTeam, step, until } from "./editor.mjs";

const OTHERS = ["cleo", "dan", "eva", "finn", "gus", "hanna", "ida", "maximiliana_wolkenstein_hohenfels_of_the_night_shift"];
let model, team, annEditor, benEditor, ann, ben;
/** A step that fails takes screenshots of both windows. */
const it = (name, run) =>
  step(
    name,
    () => ben,
    async () => {
      try {
        await run();
      } catch (error) {
        await ann?.shot("failed-people-ann");
        throw error;
      }
    },
  );

before(async () => {
  model = await startModel();
  team = await startTeam("ann", "ben", ...OTHERS);
  const optionsFor = (name) => ({
    model,
    files: { "notes.md": "# Notes\n" },
    settings: { "sessionls.participant.name": NAMES[name] },
    env: { SESSIONLS_DATABASE_URL: team.members[name].url },
  });
  annEditor = await startEditor(optionsFor("ann"));
  benEditor = await startEditor({ ...optionsFor("ben"), shares: annEditor });
  ann = await annEditor.window();
  ben = await benEditor.window();
  await ben.command("View: Show Sessions");
});

after(async () => {
  await benEditor?.stop();
  await annEditor?.stop();
  await team?.stop();
  await model?.stop();
});

const NAMES = { ann: "Ann Lee", ben: "Ben" };
const people = (window) => window.panel.frame.locator("button.people");
const sessionRows = (window) => window.page.locator(".sidebar .monaco-list-row");
const picks = (window) => window.page.locator(".quick-input-list .monaco-list-row");

/** Picks by label: the description of a person is a role. */
async function pick(window, text) {
  const row = picks(window)
    .filter({ has: window.page.locator(".label-name", { hasText: text }) })
    .first();
  await row.waitFor();
  await row.click();
}

const sessionId = () => JSON.parse(team.terminal("ann", "sessions", "--json", "--all")).sessions[0].id;

/** Gives Ben another role through the command Share. */
async function giveBen(role) {
  await ann.command("Session: Share…");
  await ann.page.locator(".quick-input-title", { hasText: "Share “" }).waitFor();
  await pick(ann, "Ben");
  await ann.page.locator(".quick-input-title", { hasText: "Role of Ben" }).waitFor();
  await pick(ann, role);
  // The list of people comes back, for the next one.
  await ann.page.locator(".quick-input-title", { hasText: "Share “" }).waitFor();
  await ann.page.keyboard.press("Escape");
}

it("a session is private until it is shared, and then appears for the other person", async () => {
  await ann.command("Session: New");
  await ann.panel.text.waitFor();
  await ann.panel.ask("say: hello from Ann");
  await people(ann).getByText("Private").waitFor();
  assert.match(await people(ann).getAttribute("aria-label"), /^People: private\. You are an owner\. Nobody else is here now/);
  await ann.shot("people-private-dark");
  await ben.page.getByText("A session is a conversation").first().waitFor();
  assert.equal(await sessionRows(ben).filter({ hasText: "hello" }).count(), 0);
  // People who have connected once can be chosen.
  const knownPeople = () => JSON.parse(team.terminal("ann", "people", sessionId(), "--json")).known.map(({ name }) => name);
  await until(() => knownPeople().includes("Ben"), "Ben's server to log in");
  await giveBen("Writer");
  await sessionRows(ben).filter({ hasText: "hello from Ann" }).waitFor();
  const label = await sessionRows(ben).filter({ hasText: "hello from Ann" }).getAttribute("aria-label");
  assert.match(label, /Ann Lee's, shared with you/);
});

it("both see who is present, and who wrote each message", async () => {
  await sessionRows(ben).filter({ hasText: "hello from Ann" }).click();
  await ben.panel.replies.getByText("hello from Ann").waitFor();
  await people(ben).getByText("Ann Lee").waitFor();
  await people(ann).getByText("Ben").waitFor();
  assert.match(await people(ann).getAttribute("aria-label"), /shared with 1 person\. You are an owner\. Here now: Ben/);
  await ben.panel.ask("say: hello from Ben");
  await ann.panel.replies.getByText("hello from Ben").waitFor();
  await ann.panel.frame.locator(".message.participant .author", { hasText: "Ben" }).waitFor();
  await ann.shot("people-shared-dark");
});

it("a person mentioned with @ is notified, and no agent answers", async () => {
  const requestCount = model.requests.length;
  await ann.panel.write("@");
  await ann.panel.frame.locator("#completions .menu-item", { hasText: "Person, here now" }).waitFor();
  await ann.shot("people-at-dark");
  await ann.panel.text.fill("");
  await ann.panel.write("please look @be");
  await ann.panel.text.press("Tab");
  await ann.panel.frame.getByText("Notifies Ben. No agent answers.").waitFor();
  assert.equal(await ann.panel.text.inputValue(), "please look @Ben ");
  await ann.panel.text.press("Enter");
  await ben.panel.frame.getByText("mentions you").waitFor();
  assert.equal(model.requests.length, requestCount);
});

it("a session handed over with a note is marked as needing the other person", async () => {
  await ann.command("Session: Hand Over…");
  await ann.page.locator(".quick-input-title", { hasText: "Hand Over “" }).waitFor();
  await pick(ann, "Ben");
  const note = ann.page.locator(".quick-input-widget:visible input").first();
  await ann.page.locator(".quick-input-title", { hasText: "to Ben" }).waitFor();
  await note.fill("I am off until Monday.");
  await note.press("Enter");
  await ben.panel.frame.getByText("Ann Lee handed this session to you: I am off until Monday.").waitFor();
  await ben.page.locator(".statusbar-item", { hasText: "Session needs you" }).waitFor();
  await ben.shot("people-handed-over-dark");
});

it("a commenter leaves comments, and no agent answers them", async () => {
  await giveBen("Commenter");
  const comment = ben.panel.frame.getByRole("textbox", { name: "Comment" });
  await comment.waitFor();
  await ben.panel.frame.getByText("Comments only").waitFor();
  const requestCount = model.requests.length;
  await comment.fill("looks right to me, @Ann Lee");
  await ben.shot("people-commenter-dark");
  await ben.panel.frame.getByRole("button", { name: "Leave Comment" }).click();
  await ann.panel.frame.locator(".message.participant", { hasText: "looks right to me" }).getByText("mentions you").waitFor();
  assert.equal(model.requests.length, requestCount);
});

it("a reader sees why they cannot write, and can fork", async () => {
  const comment = ben.panel.frame.getByRole("textbox", { name: "Comment" });
  await comment.fill("not sent yet");
  // A reader sees a question that only others can answer.
  await ann.panel.text.fill('tool: run_command {"command": "echo hi"}');
  await ann.panel.text.press("Enter");
  await ben.panel.frame.getByText("An owner answers this, or whoever sent the message.").waitFor();
  await ben.shot("people-question-dark");
  assert.equal(await ben.panel.frame.getByRole("button", { name: /^Allow/ }).count(), 0);
  await ann.panel.frame.getByRole("button", { name: /^Deny/ }).click();
  await ann.panel.frame.locator(".question").waitFor({ state: "detached" });
  await giveBen("Reader");
  await ben.panel.frame.getByText("You may read this session, not write in it.").waitFor();
  await ben.panel.frame.getByText("Ask Ann Lee for another role").waitFor();
  await ben.panel.frame.getByRole("button", { name: "Fork with Your Draft" }).waitFor();
  await people(ann).getByText("Shared").waitFor();
  await ben.shot("people-reader-dark");
  await ann.panel.ask("say: readers see it live");
  await ben.panel.replies.getByText("readers see it live").waitFor();
});

it("a person who loses access is told so, and keeps their draft", async () => {
  await giveBen("Remove");
  await ben.panel.frame.getByText("You no longer have access to").waitFor();
  assert.equal(await ben.panel.frame.getByLabel("Your draft").inputValue(), "not sent yet");
  await until(async () => (await sessionRows(ben).filter({ hasText: "hello from Ann" }).count()) === 0, "the row to go");
  await ben.shot("people-access-lost-dark");
});

it("a person who gets access again sees the session and their draft again", async () => {
  await giveBen("Writer");
  await ben.panel.replies.getByText("readers see it live").waitFor();
  assert.equal(await ben.panel.text.inputValue(), "not sent yet");
  await people(ann).getByText("Ben").waitFor();
});

it("ten people with long names fit, in each theme and in a narrow side bar", async () => {
  const id = sessionId();
  for (const name of OTHERS) team.terminal("ann", "share", id, team.members[name].login, "writer");
  await ann.command("Session: Share…");
  await picks(ann).filter({ hasText: "wolkenstein" }).waitFor();
  await ann.shot("people-ten-picker-dark");
  await ann.page.keyboard.press("Escape");
  await ann.panel.text.fill("look @");
  await ann.panel.text.press("End");
  await ann.panel.frame.locator("#completions .menu-item", { hasText: "wolkenstein" }).waitFor();
  await ann.shot("people-ten-at-dark");
  await ann.panel.text.fill("");
  for (const theme of ["light", "contrast", "contrastLight", "dark"]) {
    await ann.theme(theme);
    await ann.shot(`people-ten-${theme}`);
  }
  await ann.command("Session: Open in Side Bar");
  await ann.panel.text.waitFor();
  for (const width of [300, 170]) {
    await ann.sideBarWidth(width);
    const over = await ann.panel.frame.locator("main").evaluate((page) => page.scrollWidth - page.clientWidth);
    assert.ok(over <= 0, `nothing runs out of a side bar of ${width} pixels`);
    await ann.shot(`people-side-${width}-dark`);
  }
});
