// The folders of one VS Code: the workspace, the profile, the home, the sessions. They lie in one folder that is removed at the end.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { python } from "./servers.mjs";
import { themes } from "./window.mjs";

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
  /** `tmp` has everything. `folder` is opened in VS Code; `sessions` has the database. Two machines can share a folder. */
  constructor({ tmp = fs.mkdtempSync(path.join(os.tmpdir(), "sessionls-e2e-")), folder, sessions = "sessions" } = {}) {
    this.tmp = tmp;
    this.folder = folder ?? this.directory("folder");
    this.sessions = this.directory(sessions);
    this.home = this.directory("home");
    this.data = this.directory("data");
    this.extensions = this.directory("extensions");
  }

  /** A folder of this machine, made if it is not there. */
  directory(name) {
    const made = path.join(this.tmp, name);
    fs.mkdirSync(made, { recursive: true });
    return made;
  }

  write(files) {
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
      fs.writeFileSync(path.join(this.folder, name), text);
    }
  }

  /** Writes the settings of the person: those of all tests, and these. Returns whether they were others before. */
  userSettings(more) {
    const file = path.join(this.directory("data/User"), "settings.json");
    const settings = { ...SETTINGS, ...more };
    const before = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined;
    fs.writeFileSync(file, JSON.stringify(settings));
    return !isDeepStrictEqual(before, settings);
  }

  /** VS Code reads a setting that a machine may override from here, and not from the settings of the person. */
  machineSettings(settings) {
    fs.writeFileSync(path.join(this.directory("data/Machine"), "settings.json"), JSON.stringify(settings));
  }

  /** What the server finds in its environment. */
  environment(model, more = {}) {
    const gitConfig = path.join(this.home, ".gitconfig");
    fs.writeFileSync(gitConfig, "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n");
    return {
      HOME: this.home,
      SESSIONLS_DATA_DIR: this.sessions,
      SESSIONLS_MODEL: "openai/test",
      OPENAI_API_KEY: "none",
      OPENAI_API_BASE: model?.url,
      GIT_CONFIG_GLOBAL: gitConfig,
      ...more,
    };
  }

  /** Makes the folder a git repository, and commits all that is in it. */
  commit() {
    const author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    for (const words of [["init"], ["add", "."], [...author, "commit", "-m", "All"]])
      execFileSync("git", words, { cwd: this.folder, stdio: "ignore" });
  }

  /** Puts a session of so many `messages` into the database, titled after their number, or so many small `sessions`. */
  fill(count, what = "messages") {
    execFileSync(python, [path.join(import.meta.dirname, "filling_up.py"), this.sessions, this.folder, String(count), what]);
  }

  /** Makes all sessions unreadable, as damage or a newer version does. */
  damage() {
    const sql = "UPDATE sessions SET session = '{', rev = (SELECT max(rev) FROM sessions) + rowid";
    const code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()";
    execFileSync(python, ["-c", code, path.join(this.sessions, "sessions.db"), sql]);
  }

  /** Kills the server without a warning, or suspends it (`suspend`). Returns how many servers there were. */
  killServer(how = "kill") {
    const words = [path.join(import.meta.dirname, "killing.py"), this.sessions, how];
    return Number(execFileSync(python, words, { encoding: "utf8" }));
  }

  remove() {
    if (process.env.SESSIONLS_E2E_KEEP) console.log("kept", this.tmp);
    else fs.rmSync(this.tmp, { recursive: true, force: true, maxRetries: 5 });
  }
}
