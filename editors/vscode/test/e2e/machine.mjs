// The folders of one VS Code: the workspace, the profile, the home, the sessions. They are in one temporary folder.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { temporaryFolder } from "./cleanup.mjs";
import { python } from "./servers.mjs";
import { CLEAR_NOTIFICATIONS, themes } from "./window.mjs";

const SETTINGS = {
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
};

export class Machine {
  /**
   * `tmp` has everything. `folder` is opened in VS Code; `sessions` has the database, `home` the user's
   * configuration of the server. Two machines can share a folder.
   */
  constructor({ tmp, folder, sessions = "sessions", home = "home" } = {}) {
    const own = tmp === undefined ? temporaryFolder("e2e") : undefined;
    this.tmp = tmp ?? own.folder;
    /** Removes the temporary folder, if this machine created it. */
    this.remove = () => own?.remove();
    this.folder = folder ?? this.directory("folder");
    this.sessions = this.directory(sessions);
    this.home = this.directory(home);
    this.data = this.directory("data");
    this.extensions = this.directory("extensions");
  }

  /** Writes the keybindings: those of all tests, and these. VS Code reads them at the start. */
  keybindings(more = []) {
    const { key, command } = CLEAR_NOTIFICATIONS;
    const all = [{ key: key.toLowerCase().replace("control", "ctrl"), command }, ...more];
    fs.writeFileSync(path.join(this.directory("data/User"), "keybindings.json"), JSON.stringify(all));
  }

  /** A folder of this machine, created if it does not exist. */
  directory(name) {
    const folder = path.join(this.tmp, name);
    fs.mkdirSync(folder, { recursive: true });
    return folder;
  }

  write(files) {
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
      fs.writeFileSync(path.join(this.folder, name), text);
    }
  }

  /** Writes the user settings: those of all tests, and these. Returns whether they changed. */
  userSettings(extra) {
    const file = path.join(this.directory("data/User"), "settings.json");
    const settings = { ...SETTINGS, ...extra };
    const before = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined;
    fs.writeFileSync(file, JSON.stringify(settings));
    return !isDeepStrictEqual(before, settings);
  }

  /** VS Code reads settings of the scope `machine` from here, and not from the user settings. */
  machineSettings(settings) {
    fs.writeFileSync(path.join(this.directory("data/Machine"), "settings.json"), JSON.stringify(settings));
  }

  /** The command of a server, which gets the environment that is written with `serverEnvironment`. */
  get serverCommand() {
    return [python, path.join(import.meta.dirname, "serve.py"), this.environmentFile];
  }

  /** Sets the environment with which a server starts from now on. */
  serverEnvironment(environment) {
    fs.writeFileSync(this.environmentFile, JSON.stringify(environment));
  }

  get environmentFile() {
    return path.join(this.tmp, "environment.json");
  }

  /** The environment of the server. */
  environment(model, extra = {}) {
    const gitConfig = path.join(this.home, ".gitconfig");
    fs.writeFileSync(gitConfig, "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n");
    return {
      HOME: this.home,
      SESSIONLS_DATA_DIR: this.sessions,
      SESSIONLS_MODEL: "openai/test",
      OPENAI_API_KEY: "none",
      OPENAI_API_BASE: model?.url,
      GIT_CONFIG_GLOBAL: gitConfig,
      ...extra,
    };
  }

  /** Makes each server wait at its start until the returned function is called. */
  holdServers() {
    const file = path.join(this.tmp, "hold");
    fs.writeFileSync(file, "");
    return () => fs.rmSync(file, { force: true });
  }

  /** Makes the folder a git repository, and commits all that is in it. */
  commit() {
    const author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    for (const args of [["init"], ["add", "."], [...author, "commit", "-m", "All"]])
      execFileSync("git", args, { cwd: this.folder, stdio: "ignore" });
  }

  /** Puts a session of so many `messages` into the database, named after that number, or so many small `sessions`. */
  fill(count, kind = "messages") {
    execFileSync(python, [path.join(import.meta.dirname, "filling_up.py"), this.sessions, this.folder, String(count), kind]);
  }

  /** Makes all sessions unreadable, as damage or a newer version does. */
  damage() {
    const sql = "UPDATE sessions SET session = '{', rev = (SELECT max(rev) FROM sessions) + rowid";
    const code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()";
    execFileSync(python, ["-c", code, path.join(this.sessions, "sessions.db"), sql]);
  }

  /** Kills the server without a warning, suspends it (`suspend`), or resumes it (`resume`). Returns how many servers there were. */
  killServer(action = "kill") {
    const args = [path.join(import.meta.dirname, "killing.py"), this.sessions, action];
    return Number(execFileSync(python, args, { encoding: "utf8" }));
  }
}
