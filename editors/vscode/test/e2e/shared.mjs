// One VS Code for several test files, one after the other. So VS Code starts only once: run as a program, this module starts
// it, prints how to connect to it, and stops it when its input ends. A test file connects with `joinShared`: it gets the same
// window, without editors, on a folder with its own files, and a server restarted with its own environment and an empty database.
import fs from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { Machine } from "./machine.mjs";
import { browserOptions } from "./setup.mjs";
import { CHROMIUM, startVSCode } from "./vscode.mjs";
import { freePort, until } from "./waiting.mjs";
import { Window } from "./window.mjs";

const DEFAULT_SIZE = { width: 1280, height: 800 };
const CLOSE = "Control+Alt+Shift+F11";
const RESTART = "Control+Alt+Shift+F12";
const keybinding = (key, ...names) => ({ key, command: "runCommands", args: { commands: names }, when: "sessionls.server" });
/** A test can see when each of them has finished: the first one closes the side bar, the second one opens it. */
const KEYS = [
  keybinding(
    "ctrl+alt+shift+f11",
    "workbench.action.closeAllEditors",
    "notifications.clearAll",
    "workbench.action.closePanel",
    "workbench.action.closeAuxiliaryBar",
    "workbench.action.closeSidebar",
  ),
  keybinding(
    "ctrl+alt+shift+f12",
    "session.clearFilter",
    "session.restartServer",
    "workbench.files.action.refreshFilesExplorer",
    "workbench.view.explorer",
  ),
  // A session in a side bar moves to an editor first, because a hidden side bar would show it again.
  { key: "ctrl+alt+shift+f11", command: "session.openInEditor", when: "sessionls.side.shown || sessionls.secondary.shown" },
];

/** Joins the VS Code that SESSIONLS_E2E_SHARED describes. */
export async function joinShared({ files, model, env, settings }) {
  const { tmp, browser: address, sideBar } = JSON.parse(process.env.SESSIONLS_E2E_SHARED);
  const browser = await chromium.connectOverCDP(address);
  const page = browser.contexts()[0].pages()[0];
  page.setDefaultTimeout(20_000);
  const machine = new Machine({ tmp, sessions: `sessions-${process.pid}`, home: `home-${process.pid}` });
  await page.setViewportSize(DEFAULT_SIZE);
  await closeAll(page);
  for (const name of fs.readdirSync(machine.folder)) fs.rmSync(path.join(machine.folder, name), { recursive: true });
  machine.write(files);
  // VS Code reads its settings at the start, because without a native module code-server does not watch their file.
  if (machine.userSettings(settings)) {
    await page.reload();
    await closeAll(page); // VS Code reopens what was open before
  }
  machine.serverEnvironment(machine.environment(model, env));
  let window;
  return {
    machine,
    window: async (size = DEFAULT_SIZE) => {
      if (window !== undefined) throw new Error("A shared VS Code has one window. A file that needs two starts its own.");
      window = new Window(page);
      await restart(page, Object.keys(files));
      await window.sideBarWidth(sideBar);
      await page.setViewportSize(size);
      await window.clearNotifications();
      return window;
    },
    stop: () => browser.close(), // ends the connection only
  };
}

/** Closes all editors, side bars and panels. Unsaved changes are lost. */
async function closeAll(page) {
  const parts = page.locator(".part.editor .tab, .part.sidebar, .part.auxiliarybar, .part.panel").filter({ visible: true });
  const discard = page.locator(".monaco-dialog-box").getByRole("button", { name: "Don't Save" });
  await until(
    async () => {
      if ((await parts.count()) === 0) return true;
      await page.keyboard.press(CLOSE);
      // One press at a time: a late one would close what is opened afterwards.
      const closed = until(async () => (await discard.isVisible()) || (await parts.count()) === 0, "one press", 5000);
      await closed.then(
        () => undefined,
        () => undefined,
      );
      if (await discard.isVisible()) await discard.click();
      return false;
    },
    "all editors, side bars and panels of the shared VS Code to close",
    120_000,
  );
}

/** Restarts the server, and waits until it is ready and the explorer shows the files. */
async function restart(page, names) {
  const explorer = page.locator(".part.sidebar .explorer-folders-view");
  await until(
    async () => {
      await page.keyboard.press(RESTART); // without effect before the extension is active
      return explorer.waitFor({ timeout: 15_000 }).then(
        () => true,
        () => false,
      );
    },
    "the server of the shared VS Code to restart",
    120_000,
  );
  const expected = [...new Set(names.map((name) => name.split("/")[0]))];
  await until(
    async () => {
      const rows = await explorer.locator(".monaco-list-row").allInnerTexts();
      return expected.every((name) => rows.some((row) => row.trim().startsWith(name)));
    },
    `the explorer to show ${expected.join(", ")}`,
  );
}

async function main() {
  const machine = new Machine();
  machine.write({ "notes.md": "" });
  machine.userSettings({});
  const env = machine.environment(undefined);
  machine.serverEnvironment(env);
  machine.keybindings(KEYS);
  machine.machineSettings({ "sessionls.server.command": machine.serverCommand });
  const vscode = await startVSCode(machine, { env });
  const port = await freePort();
  const browser = await chromium.launchPersistentContext(machine.directory("browser"), {
    ...browserOptions(),
    headless: true,
    viewport: null,
    args: [...CHROMIUM, `--remote-debugging-port=${port}`, `--window-size=${DEFAULT_SIZE.width},${DEFAULT_SIZE.height}`],
  });
  const page = browser.pages()[0];
  await page.goto(vscode.url);
  await new Window(page).waitUntilStarted();
  const { width } = await page.locator(".part.sidebar").boundingBox();
  console.log(JSON.stringify({ tmp: machine.tmp, browser: `http://127.0.0.1:${port}`, sideBar: width }));
  await new Promise((resolve) => process.stdin.once("end", resolve).resume());
  await browser.close();
  await vscode.stop();
}

if (process.argv[1] === import.meta.filename) {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  await main();
  process.exit(0);
}
