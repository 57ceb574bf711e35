// A VS Code for pictures: its window, its server (which can be slow, broken or without a model), and where pictures are taken.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { temporaryFolder } from "../cleanup.mjs";
import { freePort, python, shots, startEditor, startModel, themes, until } from "../editor.mjs";
import { layoutProblems, seriousProblems } from "../looking.mjs";

const BODY = {
  dark: "vscode-dark",
  light: "vscode-light",
  contrast: "vscode-high-contrast:not(.vscode-high-contrast-light)",
  contrastLight: "vscode-high-contrast-light",
};

/** Where things are shown: how wide the side bar is, and how big the window. */
export const places = {
  side170: { width: 170, part: ".part.sidebar" },
  side300: { width: 300, part: ".part.sidebar" },
  /** About 200 pixels for a session. */
  low: { size: { width: 1100, height: 290 }, part: ".part.editor" },
  tab: { size: { width: 1000, height: 760 }, part: ".part.editor" },
  lowSide: { width: 300, size: { width: 1100, height: 290 }, part: ".part.sidebar" },
  /** For what VS Code shows over its window, such as pickers. */
  window: { size: { width: 1000, height: 760 }, part: ".monaco-workbench" },
};
export const PLACES_OF_SESSIONS = ["side170", "side300", "low", "tab"];
export const PLACES_OF_VIEWS = ["side170", "side300", "lowSide"];

export class Gallery {
  /** The ids of sessions, by the names of their scenarios. */
  ids = {};

  static async open({ files, agents = () => ({}), env = {}, ...options }) {
    const gallery = new Gallery();
    const { folder, remove } = temporaryFolder("gallery");
    Object.assign(gallery, { scratch: folder, removeScratch: remove });
    gallery.model = await startModel();
    gallery.port = await freePort();
    gallery.environment = { ...env };
    gallery.serverIs("ready");
    gallery.editor = await startEditor({
      files,
      model: gallery.model,
      machine: { "sessionls.server.command": [python, path.join(import.meta.dirname, "server.py"), gallery.serverFile] },
      // A model whose window and price are known, so that the meters are shown.
      env: {
        SESSIONLS_MODEL: "openai/gpt-4o",
        SESSIONLS_PERMISSION_SECONDS: "86400",
        SESSIONLS_E2E_DRIVER: String(gallery.port),
        SESSIONLS_AGENTS: JSON.stringify(agents(gallery.scratch)),
        ...env,
      },
      others: [path.join(import.meta.dirname, "driver")],
      ...options,
    });
    gallery.window = await gallery.editor.window();
    await gallery.waitForDriver();
    return gallery;
  }

  async waitForDriver() {
    await until(() => this.drive({}).then(...answered), "the driver");
  }

  async reload() {
    await this.page.reload();
    await this.page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
    // The commands of the old window may still be answered.
    await this.page.waitForTimeout(1000);
    await this.waitForDriver();
    await until(() => this.run("sessionls.sessions.focus").then(...answered), "the extension");
  }

  async close() {
    await this.editor?.stop();
    await this.model?.stop();
    this.removeScratch();
  }

  get page() {
    return this.window.page;
  }
  get panel() {
    return this.window.panel;
  }
  get frame() {
    return this.panel.frame;
  }

  async drive(request) {
    const answer = await fetch(`http://127.0.0.1:${this.port}`, { method: "POST", body: JSON.stringify(request) });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** Runs a command, and waits until it has ended. */
  run(command, ...args) {
    return this.drive({ command, args });
  }

  /** Runs a command that ends only when the person has answered it. */
  start(command, ...args) {
    this.run(command, ...args).catch(() => undefined);
  }

  get serverFile() {
    return path.join(this.scratch, "server.json");
  }

  /** `ready`, `starting` or `broken` from its next start; with `changes` of its environment. */
  serverIs(state, changes = {}) {
    fs.writeFileSync(this.serverFile, JSON.stringify({ state, environment: { ...this.environment, ...changes } }));
  }

  /** Restarts the server, and waits until it answers. */
  async restartReady(changes) {
    this.serverIs("ready", changes);
    await this.run("session.restartServer");
  }

  /** Runs the terminal program on the same sessions. */
  sessionls(args, { env = {}, cwd = this.editor.folder } = {}) {
    const own = { SESSIONLS_DATA_DIR: path.join(this.editor.tmp, "sessions"), HOME: path.join(this.editor.tmp, "home") };
    const model = { SESSIONLS_MODEL: "openai/gpt-4o", OPENAI_API_KEY: "none", OPENAI_API_BASE: this.model.url };
    const options = { encoding: "utf8", cwd, env: { ...process.env, ...own, ...model, ...this.environment, ...env } };
    return execFileSync(python, ["-m", "sessionls", ...args], { ...options, stdio: ["ignore", "pipe", "inherit"] });
  }

  list() {
    return JSON.parse(this.sessionls(["sessions", "--json", "--all"])).sessions;
  }

  /** Changes the database, as damage does. */
  sql(...statements) {
    const code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2])";
    execFileSync(python, ["-c", code, path.join(this.editor.tmp, "sessions/sessions.db"), statements.join(";\n")]);
  }

  /** Opens a new session. */
  async begin() {
    const empty = this.frame.getByText("Write a message to begin.");
    await until(async () => {
      await this.run("session.new"); // fails while the server has not started yet
      return empty.waitFor({ timeout: 15_000 }).then(...answered);
    }, "a new session");
  }

  /** Sends a message, and does not wait for the reply. */
  async post(text) {
    await this.panel.text.fill(text);
    await this.panel.text.press("Enter");
    await this.panel.messages.first().waitFor();
  }

  async ask(text, ...answers) {
    await this.model.script(...answers);
    await this.panel.text.fill(text);
    return this.panel.submit();
  }

  async goTo(place) {
    const { size, width } = places[place];
    await this.run("workbench.action.closeAllEditors");
    await this.run("notifications.clearAll");
    await this.page.setViewportSize(size ?? { width: 1280, height: 800 });
    if (!width) return this.run("workbench.action.closeSidebar");
    await this.run("sessionls.sessions.focus");
    await this.window.sideBarWidth(width);
    await this.page.mouse.move(640, 5); // away from the edge, which would be highlighted
  }

  /** Opens a session in a place; without a session, a new one. */
  async show(place, id) {
    const open = places[place].width ? "session.openInSideBar" : "session.openInEditor";
    if (id !== undefined) {
      await this.run(open, id);
      // The page may still show another session.
      await this.frame.locator(`main[data-session="${id}"] .message`).first().waitFor();
      return;
    }
    await this.run("session.new");
    if (places[place].width) await this.run(open);
    await this.frame.getByText("Write a message to begin.").waitFor();
  }

  /**
   * Shows a state in each theme. Returns its pictures, unless `picture` is false, and its problems: those of its layout and, if
   * `check` is set, those that axe finds.
   */
  async inspect(place, state, { picture, check }) {
    const isSession = state.view !== true;
    const { session = state.name } = state;
    if (isSession && session !== undefined) await this.show(place, session === null ? undefined : this.ids[session]);
    const pictures = [];
    const problems = [];
    try {
      await state.pose?.(this, place);
      if (isSession) problems.push(...(await layoutProblems(this.panel)));
      for (const theme of Object.keys(themes)) {
        await this.drive({ settings: { "workbench.colorTheme": themes[theme] } });
        if (isSession) await this.frame.locator(`body.${BODY[theme]}`).waitFor();
        await this.window.settle();
        if (picture) pictures.push(await this.page.locator(state.part ?? places[place].part).screenshot());
        if (isSession && check) problems.push(...(await seriousProblems(this.panel)).map((problem) => `${theme}: ${problem}`));
      }
    } finally {
      await state.undo?.(this, place);
    }
    return { pictures, problems };
  }

  /** Puts the pictures of a state into one: those of the side bar beside each other, those of a low place below each other. */
  async sheet(name, place, pictures) {
    const page = await this.page.context().newPage();
    const columns = { low: 1, tab: 2, window: 2 }[place] ?? 4;
    const images = pictures.map((png) => `<img src="data:image/png;base64,${png.toString("base64")}">`).join("");
    await page.setViewportSize({ width: 2200, height: 800 });
    await page.setContent(
      `<body style="margin:0"><div id="all" style="display:inline-grid;gap:4px;background:#f0f;grid-template-columns:repeat(${columns},auto)">${images}`,
    );
    const folder = path.join(shots, "gallery", place);
    fs.mkdirSync(folder, { recursive: true });
    await page.locator("#all").screenshot({ path: path.join(folder, `${name}.png`) });
    await page.close();
  }
}

const answered = [() => true, () => false];
