// Real VS Code with the extension, the real server and a model on loopback: started for one test file, driven as a person would.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { browserOptions, entry, project, root } from "./setup.mjs";

export const python =
  process.env.SESSIONLS_E2E_SERVER_PYTHON ??
  path.join(project, process.platform === "win32" ? ".venv/Scripts/python.exe" : ".venv/bin/python");
const CHROMIUM = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const shots = path.join(project, "tests/screenshots/vscode");

/** A model provider that keeps what it was asked. */
export async function startModel() {
  const child = spawn(python, [path.join(import.meta.dirname, "model.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout });
  const requests = [];
  const acknowledge = [];
  const url = await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("The model server did not start.")));
    lines.once("line", (first) => {
      lines.on("line", (line) => {
        const told = JSON.parse(line);
        if ("scripted" in told) acknowledge.shift()?.();
        else requests.push(told);
      });
      resolve(first);
    });
  });
  /** What it answers to the next requests, in place of what the conventions say: `{ text, tools: [{ name, arguments }] }` each. */
  const script = (...answers) =>
    new Promise((resolve) => {
      acknowledge.push(resolve);
      child.stdin.write(`${JSON.stringify(answers)}\n`);
    });
  return { url, requests, script, stop: () => ended(child) };
}

/** A PostgreSQL with a login for each name: `members[name]` has its `url` and its `login`. */
export async function startTeam(...names) {
  const words = [path.join(import.meta.dirname, "team.py"), ...names];
  const child = spawn(python, words, { stdio: ["pipe", "pipe", "inherit"] });
  const members = await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("PostgreSQL did not start.")));
    readline.createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
  });
  /** Runs the terminal program as that member, and gives what it prints. */
  const terminal = (name, ...args) =>
    execFileSync(python, ["-m", "sessionls", ...args], {
      encoding: "utf8",
      env: { ...process.env, SESSIONLS_DATABASE_URL: members[name].url },
      stdio: ["ignore", "pipe", "inherit"],
    });
  const stop = async () => {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end();
    await gone;
  };
  return { members, terminal, stop };
}

/** The settings of the machine where nothing else is said: the server of this repository. */
const MACHINE = { "sessionls.server.command": [python, "-m", "sessionls", "serve"] };

/**
 * VS Code with a folder that holds `files`; with those folders inside it as a workspace, where `folders` names some; with
 * `others`, extensions beside ours, by folder; with `shares`, on the folder of that editor. What `env` has as undefined is not set.
 */
export async function startEditor({
  files,
  model,
  settings = {},
  machine = MACHINE,
  trusted = true,
  env = {},
  folders = [],
  others = [],
  shares = undefined,
}) {
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), "sessionls-e2e-"));
  const dir = (name) => {
    const made = path.join(tmp, name);
    fs.mkdirSync(made, { recursive: true });
    return made;
  };
  const [data, extensions, home] = ["data", "extensions", "home"].map(dir);
  const folder = shares?.folder ?? dir("folder");
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  const workspace = path.join(folder, "all.code-workspace");
  if (folders.length > 0) fs.writeFileSync(workspace, JSON.stringify({ folders: folders.map((name) => ({ path: name })) }));
  const userSettings = path.join(dir("data/User"), "settings.json");
  const write = (more) =>
    fs.writeFileSync(
      userSettings,
      JSON.stringify({
        "workbench.startupEditor": "none",
        "workbench.tips.enabled": false,
        "telemetry.telemetryLevel": "off",
        "update.mode": "none",
        "extensions.autoUpdate": false,
        "extensions.autoCheckUpdates": false,
        "git.enabled": false,
        "files.autoSave": "off",
        "window.autoDetectColorScheme": false,
        "chat.disableAIFeatures": true,
        "workbench.secondarySideBar.defaultVisibility": "hidden",
        "workbench.colorTheme": themes.dark,
        "security.workspace.trust.startupPrompt": "never",
        "security.workspace.trust.banner": "never",
        ...more,
      }),
    );
  write(settings);
  // A setting that a machine may override is read from the machine's own settings.
  fs.writeFileSync(path.join(dir("data/Machine"), "settings.json"), JSON.stringify(machine));
  fs.writeFileSync(path.join(tmp, "config.yaml"), "auth: none\ncert: false\n");
  const processEnv = {
    ...process.env,
    HOME: home,
    SESSIONLS_DATA_DIR: dir("sessions"),
    SESSIONLS_MODEL: "openai/test",
    OPENAI_API_KEY: "none",
    OPENAI_API_BASE: model.url,
    // VS Code then takes the environment as it is, and asks no login shell for another PATH.
    VSCODE_CLI: "1",
    GIT_CONFIG_GLOBAL: path.join(home, ".gitconfig"),
    ...env,
  };
  fs.writeFileSync(path.join(home, ".gitconfig"), "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n");
  const common = ["--user-data-dir", data, "--extensions-dir", extensions, "--config", path.join(tmp, "config.yaml")];
  // Before ours: VS Code takes in what lies in the folder at its first look, and after that only what it installed itself.
  for (const other of others) fs.cpSync(other, path.join(extensions, path.basename(other)), { recursive: true });
  install(common, extensions, processEnv);

  const port = await freePort();
  const args = [
    entry,
    ...common,
    "--auth",
    "none",
    "--bind-addr",
    `127.0.0.1:${port}`,
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-getting-started-override",
    ...(trusted ? ["--disable-workspace-trust"] : []),
    folders.length > 0 ? workspace : folder,
  ];
  const log = fs.openSync(path.join(tmp, "code-server.log"), "w");
  const child = spawn(process.execPath, args, {
    env: processEnv,
    detached: true,
    stdio: ["ignore", log, log],
  });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok, "VS Code to start");
  const browser = await chromium.launch({
    ...browserOptions(),
    headless: true,
    args: CHROMIUM,
  });
  const opens = folders.length > 0 ? `workspace=${encodeURIComponent(workspace)}` : `folder=${encodeURIComponent(folder)}`;
  const url = `http://127.0.0.1:${port}/?${opens}`;
  return {
    folder,
    tmp,
    settings: write,
    /** Another window on the same folder. */
    window: async (size = { width: 1280, height: 800 }) => {
      const page = await (await browser.newContext({ viewport: size })).newPage();
      page.setDefaultTimeout(20_000);
      const window = new Window(page);
      await page.goto(url);
      await window.started();
      return window;
    },
    /** Makes the folder a git repository, and commits all that is in it. */
    commit: () => {
      const author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
      for (const words of [["init"], ["add", "."], [...author, "commit", "-m", "All"]])
        execFileSync("git", words, { cwd: folder, stdio: "ignore" });
    },
    /** Puts a session of so many `messages` into the database, titled after their number, or so many small `sessions`. */
    fill: (count, what = "messages") =>
      execFileSync(python, [
        path.join(import.meta.dirname, "filling_up.py"),
        path.join(tmp, "sessions"),
        folder,
        String(count),
        what,
      ]),
    /** Makes all sessions unreadable, as damage or a newer version does. */
    damage: () => {
      const sql = "UPDATE sessions SET session = '{', rev = (SELECT max(rev) FROM sessions) + rowid";
      const code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()";
      execFileSync(python, ["-c", code, path.join(tmp, "sessions", "sessions.db"), sql]);
    },
    /** Kills the server, without a word, or lets it stand still (`suspend`). Gives how many there were. */
    killServer: (how = "kill") =>
      Number(execFileSync(python, [path.join(import.meta.dirname, "killing.py"), tmp, how], { encoding: "utf8" })),
    stop: async () => {
      await browser.close();
      process.kill(-child.pid, "SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
      if (process.env.SESSIONLS_E2E_KEEP) console.log("kept", tmp);
      else fs.rmSync(tmp, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The built .vsix where SESSIONLS_E2E_VSIX names it, else what `npm run build` made. */
function install(common, extensions, env) {
  const vsix = process.env.SESSIONLS_E2E_VSIX;
  if (vsix) {
    execFileSync(process.execPath, [entry, ...common, "--install-extension", path.resolve(vsix)], { env, stdio: "ignore" });
    return;
  }
  const { publisher, name, version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
  const target = path.join(extensions, `${publisher}.${name}-${version}`);
  for (const part of ["package.json", "dist", "media"]) {
    if (fs.existsSync(path.join(root, part))) fs.cpSync(path.join(root, part), path.join(target, part), { recursive: true });
  }
}

/** One window of VS Code. */
class Window {
  constructor(page) {
    this.page = page;
    this.console = [];
    page.on("console", (message) => this.console.push(`${message.type()} ${message.text()}`));
  }

  async started() {
    await this.page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
    const files = this.page.locator(".explorer-folders-view .monaco-list-row").first();
    try {
      await files.waitFor({ timeout: 30_000 });
    } catch {
      // On a busy machine the workbench sometimes comes up without its files. A person would reload the page.
      await this.shot("window-without-files");
      await this.page.reload();
      await files.waitFor({ timeout: 60_000 });
    }
  }

  /** Reloads the window as a person does. */
  async reload() {
    const gone = this.page.waitForEvent("framenavigated", (frame) => frame === this.page.mainFrame());
    await this.command("Developer: Reload Window");
    await gone;
    await this.page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
  }

  /** Runs a command from the palette. One that an extension brings may not be there at once. */
  async command(title) {
    for (let attempt = 0; ; attempt += 1) {
      await this.page.keyboard.press("F1");
      const box = this.page.locator(".quick-input-widget:visible input").first();
      const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first();
      try {
        // The key may have come while an earlier palette was closing.
        await box.fill(`>${title}`, { timeout: 2000 });
        await row.waitFor({ timeout: 2000 });
        await row.click();
        return;
      } catch (error) {
        if (attempt > 20) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Picks a colour theme: dark, light, contrast or contrastLight. */
  async theme(name) {
    await this.command("Preferences: Color Theme");
    await this.page.locator(".quick-input-widget:visible input").first().fill(PICKED[name]);
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: PICKED[name] }).first().click();
    await this.page.locator(`.monaco-workbench.${WORKBENCH[name]}`).first().waitFor();
    await this.page.waitForTimeout(500); // the palette and the colours fade
  }

  /** Opens a file from the explorer. */
  async open(name) {
    await this.page.locator(".explorer-folders-view").getByText(name, { exact: true }).dblclick();
    await this.page.locator(".tab.active", { hasText: name }).first().waitFor();
    // What is typed before the editor has the focus is lost.
    await this.page.locator(".editor-instance .monaco-editor.focused").first().waitFor();
  }

  /** Makes the side bar so wide, in pixels, with the mouse. */
  async sideBarWidth(width) {
    const box = await this.page.locator(".part.sidebar").boundingBox();
    const [edge, middle] = [box.x + box.width, box.y + box.height / 2];
    await this.page.mouse.move(edge, middle);
    await this.page.mouse.down();
    await this.page.mouse.move(edge + (width > box.width ? 5 : -5), middle);
    await this.page.mouse.move(box.x + width, middle, { steps: 4 });
    await this.page.mouse.up();
    await until(
      async () => Math.abs((await this.page.locator(".part.sidebar").boundingBox()).width - width) < 4,
      `${width} pixels`,
    );
  }

  /** The text of the first editor. Its lines stand in the page in any order. */
  async text() {
    const lines = await this.page
      .locator(".monaco-editor .view-lines")
      .first()
      .locator(".view-line")
      .evaluateAll((found) =>
        found.map((line) => ({ top: line.offsetTop, text: line.textContent })).toSorted((one, other) => one.top - other.top),
      );
    return lines.map(({ text }) => text.replaceAll("\u00a0", " ")).join("\n");
  }

  /** The page of the session panel: an iframe in an iframe. */
  get panel() {
    return new Panel(this.page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame"));
  }

  async shot(name) {
    fs.mkdirSync(shots, { recursive: true });
    // Where nothing lights up under the mouse.
    await this.page.mouse.move(640, this.page.viewportSize().height - 2);
    await this.page.screenshot({ path: path.join(shots, `${name}.png`) });
  }

  /** Pictures in each theme. The palette is opened for it: what closes when it loses the focus is gone. */
  async shotInEachTheme(name) {
    for (const theme of ["light", "contrast", "contrastLight", "dark"]) {
      await this.theme(theme);
      await this.shot(`${name}-${theme}`);
    }
  }
}

/** What a person sees and does in a session's panel. */
class Panel {
  constructor(frame) {
    this.frame = frame;
    this.text = frame.getByRole("textbox", { name: "Message" });
    this.send = frame.getByRole("button", { name: "Send", exact: true });
    this.messages = frame.locator(".message");
    this.replies = frame.locator(".message.agent");
    this.agent = frame.locator(".picker-button");
  }

  async write(text) {
    await this.text.click();
    await this.text.pressSequentially(text);
  }

  /** Sends a message and gives the reply to it, when it has ended. */
  async ask(text) {
    await this.write(text);
    return this.sent();
  }

  /** Sends what stands in the composer, and gives the reply to it, when it has ended. */
  async sent() {
    const before = await this.replies.count();
    await this.text.press("Enter");
    return this.ended(before);
  }

  /** The reply after `before` others, when it has ended. */
  async ended(before) {
    const reply = this.replies.nth(before);
    await reply.waitFor({ timeout: 60_000 });
    await this.frame.locator(".message.agent:not(.replying)").nth(before).waitFor({ timeout: 60_000 });
    return reply;
  }
}

export const themes = {
  dark: "Default Dark Modern",
  light: "Default Light Modern",
  contrast: "Default High Contrast",
  contrastLight: "Default High Contrast Light",
};
/** How the picker calls them, and how the workbench does. */
const PICKED = {
  dark: "Dark Modern",
  light: "Light Modern",
  contrast: "Dark High Contrast",
  contrastLight: "Light High Contrast",
};
const WORKBENCH = { dark: "vs-dark", light: "vs", contrast: "hc-black", contrastLight: "hc-light" };

/** A test that leaves a picture of the window behind where it fails. */
export function step(name, window, run) {
  test(name, async (context) => {
    try {
      await run(context);
    } catch (error) {
      await window()?.shot(`failed-${name.replace(/\W+/g, "-").slice(0, 40)}`);
      throw error;
    }
  });
}

export async function until(what, words, timeout = 60_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Waited in vain for ${words}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function ended(child) {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await gone;
}
