// Real VS Code with the extension, the real server and a model on loopback, driven as a person would.
//
// Where several files run, those with the option `shared` use one VS Code, one after the other.
import { test } from "node:test";
import path from "node:path";
import { chromium } from "playwright-core";
import { Machine } from "./machine.mjs";
import { browserOptions } from "./setup.mjs";
import { joinShared } from "./shared.mjs";
import { CHROMIUM, startVSCode } from "./vscode.mjs";
import { Window } from "./window.mjs";

export { python, startModel, startTeam } from "./servers.mjs";
export { freePort, until } from "./waiting.mjs";
export { shots, themes } from "./window.mjs";

/**
 * VS Code on a folder with `files`. With `folders`, on a workspace of those folders inside it; with `others`, with the extensions in
 * those folders too; with `shares`, on the folder of that editor. Variables in `env` that are undefined are not set. With `shared`,
 * the file takes the VS Code that other files used before it, if several files run: that saves its start. Such a file needs one
 * window only, and leaves the layout as it is (no file opens in another place than after a start).
 */
export async function startEditor({ files, model, env = {}, settings = {}, shared = false, ...special }) {
  const join = shared && process.env.SESSIONLS_E2E_SHARED;
  const common = { files, model, env, settings };
  const { machine, window, stop } = await (join ? joinShared(common) : startOwn({ ...common, ...special }));
  return {
    folder: machine.folder,
    tmp: machine.tmp,
    settings: (more) => machine.userSettings(more),
    window,
    commit: () => machine.commit(),
    fill: (count, kind) => machine.fill(count, kind),
    damage: () => machine.damage(),
    killServer: (action) => machine.killServer(action),
    holdServers: () => machine.holdServers(),
    stop,
  };
}

async function startOwn({ files, model, env, settings, machine: machineSettings, trusted, folders = [], others, shares }) {
  const machine = new Machine({ folder: shares?.folder });
  machine.write(files);
  machine.userSettings(settings);
  machine.keybindings();
  machine.serverEnvironment({}); // VS Code has the variables, and its servers inherit them
  // By default the server of this repository.
  machine.machineSettings(machineSettings ?? { "sessionls.server.command": machine.serverCommand });
  const workspace = path.join(machine.folder, "all.code-workspace");
  if (folders.length > 0)
    machine.write({ "all.code-workspace": JSON.stringify({ folders: folders.map((name) => ({ path: name })) }) });
  const target = folders.length > 0 ? workspace : machine.folder;
  const vscode = await startVSCode(machine, { env: machine.environment(model, env), opens: target, trusted, others });
  const browser = await chromium.launch({ ...browserOptions(), headless: true, args: CHROMIUM });
  return {
    machine,
    /** Another window on the same folder. */
    window: async (size = { width: 1280, height: 800 }) => {
      const page = await (await browser.newContext({ viewport: size })).newPage();
      page.setDefaultTimeout(20_000);
      const window = new Window(page);
      await page.goto(vscode.url);
      await window.waitUntilStarted();
      return window;
    },
    stop: async () => {
      await browser.close();
      await vscode.stop();
      machine.remove();
    },
  };
}

/**
 * A test that begins without notifications: one left by an earlier test would take the clicks on what is below it. Only with
 * `keepNotifications` those from before the test stay. When it fails, it takes a screenshot, and reports which notifications
 * were shown.
 */
export function step(name, window, run, { keepNotifications = false } = {}) {
  test(name, async (context) => {
    try {
      if (!keepNotifications) await window()?.clearNotifications();
      await run(context);
    } catch (error) {
      const shown = await window()?.notifications();
      if (shown?.length > 0) context.diagnostic(`Notifications: ${shown.join(" | ")}`);
      await window()?.shot(`failed-${name.replace(/\W+/g, "-").slice(0, 40)}`);
      throw error;
    }
  });
}
