// Pictures of every state of a session's page and of VS Code's views of sessions, in each theme and place: nothing is cut off, and
// axe finds nothing serious. In a normal run it checks some states in one place. With SESSIONLS_GALLERY=1 it checks all of them, and
// puts a sheet of pictures for each into tests/screenshots/vscode/gallery, to be looked at; with a list of places, states or
// both, it checks only those.
import assert from "node:assert/strict";
import { after, describe } from "node:test";
import { startTeam, step } from "./editor.mjs";
import { Gallery, places, PLACES_OF_SESSIONS } from "./gallery/gallery.mjs";
import * as people from "./gallery/people.mjs";
import { agents, arrange, files } from "./gallery/sessions.mjs";
import { restricted, states, troubles } from "./gallery/states.mjs";
import { allSessions, emptyList, oneSession } from "./gallery/views.mjs";

const every = [...emptyList, ...oneSession, ...states, ...allSessions, ...troubles, ...restricted, ...people.states];
const selection = process.env.SESSIONLS_GALLERY;
const select = (all, few) => {
  if (!selection) return few;
  const selected = selection.split(",").filter((name) => all.includes(name));
  return selected.length > 0 ? selected : all;
};
const selectedPlaces = select(Object.keys(places), ["side170"]);
const selectedNames = select(
  every.map(({ name }) => name),
  ["changed-open", "agents", "empty"],
);
const isSelected = ({ name }) => selectedNames.includes(name);

let gallery;
const it = (name, run) => step(name, () => gallery?.window, run);

/** The names of the sessions that states show. */
const sessionsOf = (shown) => [...new Set(shown.map(({ name, session = name }) => session))];

/** Shows these states in all their places, after `prepare`. */
function show(title, all, prepare) {
  const shown = all.filter(isSelected);
  if (shown.length === 0) return;
  if (prepare) it(`${title}: set up`, () => prepare(shown));
  for (const place of selectedPlaces) {
    const here = shown.filter((state) => (state.in ?? PLACES_OF_SESSIONS).includes(place));
    if (here.length === 0) continue;
    it(`${title}: shown without problems in ${place}`, async () => {
      const problems = [];
      await gallery.goTo(place);
      for (const state of here) {
        try {
          const found = await gallery.inspect(place, state, { picture: selection, check: place === selectedPlaces[0] });
          if (selection) await gallery.sheet(state.name, place, found.pictures);
          problems.push(...found.problems.map((problem) => `${state.name}: ${problem}`));
        } catch (error) {
          await gallery.window.shot(`failed-gallery-${place}-${state.name}`);
          problems.push(`${state.name}: ${error.message}`);
        }
      }
      assert.deepEqual(problems, []);
    });
  }
}

/** One VS Code for some states. */
function group(title, all, open, run) {
  if (!all.some(isSelected)) return;
  describe(title, () => {
    it("VS Code starts", async () => {
      gallery = await open();
    });
    run();
    after(async () => {
      await gallery?.close();
      gallery = undefined;
    });
  });
}

const own = [...emptyList, ...oneSession, ...states, ...allSessions, ...troubles];
group(
  "a person's sessions",
  own,
  () => Gallery.open({ files, agents }),
  () => {
    show("no sessions", emptyList);
    show("one session", oneSession, () => arrange(gallery, ["wide"]));
    show("sessions", states, (shown) => arrange(gallery, sessionsOf(shown)));
    show("without a server or a model", troubles, () => arrange(gallery, ["limit"]));
    // Last: a low window changes how the side bar is divided.
    show("lists", allSessions, () => arrange(gallery, sessionsOf(states)));
  },
);

group(
  "a workspace that is not trusted",
  restricted,
  () => Gallery.open({ files, agents, trusted: false }),
  () => {
    show("restricted", restricted, () => arrange(gallery, ["denied"]));
  },
);

let team;
group(
  "a team's sessions",
  people.states,
  async () => {
    team = await startTeam(...people.NAMES);
    const env = { SESSIONLS_DATABASE_URL: team.members.ann.url };
    return Gallery.open({ files: people.files, settings: people.settings, env });
  },
  () => {
    show("people", people.states, () => people.arrange(gallery, team));
    after(() => team?.stop());
  },
);
