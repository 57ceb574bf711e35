// Every state of a session's page, in each theme and place: nothing is cut off, and axe finds nothing serious. In a
// normal run it checks some states in one place. With SESSIONLS_GALLERY=1 it checks all of them, and puts a sheet of pictures for
// each into tests/screenshots/vscode/gallery, to be looked at; with a list of places, states or both, it checks only those.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { temporaryFolder } from "./cleanup.mjs";
import { freePort, shots, startEditor, startModel, step, themes, until } from "./editor.mjs";
import { arrange, files, places, planner, states } from "./gallery.mjs";
import { layoutProblems, seriousProblems } from "./looking.mjs";

const selection = process.env.SESSIONLS_GALLERY;
const select = (all, few) => {
  if (!selection) return few;
  const selected = selection.split(",").filter((name) => all.includes(name));
  return selected.length > 0 ? selected : all;
};
const selectedPlaces = select(Object.keys(places), ["side170"]);
const selectedStates = select(
  states.map(({ name }) => name),
  ["changed-open", "agents", "empty"],
);
const shownStates = states.filter(({ name }) => selectedStates.includes(name));

let model, editor, window, panel, port, scratch, sheets;
const ids = {};
const it = (name, run) => step(name, () => window, run);

const drive = async (request) => {
  const answer = await fetch(`http://127.0.0.1:${port}`, { method: "POST", body: JSON.stringify(request) });
  if (!answer.ok) throw new Error(await answer.text());
};
const run = (command, ...args) => drive({ command, args });

before(async () => {
  model = await startModel();
  port = await freePort();
  scratch = temporaryFolder("gallery");
  editor = await startEditor({
    files,
    model,
    env: { SESSIONLS_E2E_DRIVER: String(port), SESSIONLS_AGENTS: JSON.stringify(planner(scratch.folder)) },
    others: [path.join(import.meta.dirname, "driver")],
  });
  window = await editor.window();
  panel = window.panel;
  await until(
    () =>
      drive({}).then(
        () => true,
        () => false,
      ),
    "the driver",
  );
});

after(async () => {
  await editor?.stop();
  await model?.stop();
  scratch?.remove();
});

/** Puts the pictures of a state into one: those of the side bar beside each other, those of a low place below each other. */
async function sheet(name, place, pictures) {
  sheets ??= await window.page.context().newPage();
  const columns = { low: 1, tab: 2 }[place] ?? 4;
  const images = pictures.map((png) => `<img src="data:image/png;base64,${png.toString("base64")}">`).join("");
  await sheets.setViewportSize({ width: 2200, height: 800 });
  await sheets.setContent(
    `<body style="margin:0"><div id="all" style="display:inline-grid;gap:4px;background:#f0f;grid-template-columns:repeat(${columns},auto)">${images}`,
  );
  const file = path.join(shots, "gallery", place, `${name}.png`);
  await sheets.locator("#all").screenshot({ path: file });
}

async function picture(place) {
  const part = window.page.locator(places[place].width ? ".part.sidebar" : ".part.editor");
  return part.screenshot();
}

async function show(place, session) {
  const open = places[place].width ? "session.openInSideBar" : "session.openInEditor";
  if (session === undefined) {
    await run("session.new");
    if (places[place].width) await run(open);
    await panel.frame.getByText("Write a message to begin.").waitFor();
    return;
  }
  await run(open, ids[session]);
  await panel.frame.locator(".message").first().waitFor();
}

async function goTo(place) {
  const { size, width } = places[place];
  await run("workbench.action.closeAllEditors");
  await run("notifications.clearAll");
  await window.page.setViewportSize(size ?? { width: 1280, height: 800 });
  if (width) {
    await run("sessionls.sessions.focus");
    await window.sideBarWidth(width);
  } else await run("workbench.action.closeSidebar");
}

it("sessions in every state are set up", async () => {
  const needed = new Set(shownStates.map(({ name, session = name }) => session));
  await arrange({ editor, model, window, run }, [...needed], ids);
});

/** Shows a state in each theme, and returns its problems. */
async function inspect(place, state) {
  await show(place, "session" in state ? state.session : state.name);
  await state.pose(panel);
  const pictures = [];
  const problems = [...(await layoutProblems(panel))];
  for (const theme of Object.keys(themes)) {
    await drive({ settings: { "workbench.colorTheme": themes[theme] } });
    await window.panelsHaveTheme(theme);
    await window.settle();
    if (selection) pictures.push(await picture(place));
    if (place === selectedPlaces[0]) problems.push(...(await seriousProblems(panel)).map((problem) => `${theme}: ${problem}`));
  }
  if (selection) await sheet(state.name, place, pictures);
  await state.undo?.(panel);
  return problems;
}

for (const place of selectedPlaces) {
  it(`every state is shown without problems in ${place}`, async () => {
    fs.mkdirSync(path.join(shots, "gallery", place), { recursive: true });
    const problems = [];
    await goTo(place);
    for (const state of shownStates) {
      const found = await inspect(place, state).catch(async (error) => {
        await window.shot(`failed-gallery-${place}-${state.name}`);
        return [error.message];
      });
      problems.push(...found.map((problem) => `${state.name}: ${problem}`));
    }
    assert.deepEqual(problems, []);
  });
}
