// Starts VS Code (code-server) with the extension on a machine of a test.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { atExit } from "./cleanup.mjs";
import { entry, root } from "./setup.mjs";
import { freePort, until } from "./waiting.mjs";

export const CHROMIUM = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Returns the address of `opens` (a folder, or a workspace file) in this VS Code. `others` are folders of more extensions. */
export async function startVSCode(machine, { env, opens = machine.folder, trusted = true, others = [] }) {
  const config = path.join(machine.tmp, "config.yaml");
  fs.writeFileSync(config, "auth: none\ncert: false\n");
  // With VSCODE_CLI, VS Code takes the environment as it is, and asks no login shell for another PATH.
  const environment = { ...process.env, VSCODE_CLI: "1", ...env };
  const common = ["--user-data-dir", machine.data, "--extensions-dir", machine.extensions, "--config", config];
  // Before ours: VS Code lists the folder when it first reads it; after that it knows only the extensions it installed itself.
  for (const other of others) fs.cpSync(other, path.join(machine.extensions, path.basename(other)), { recursive: true });
  install(common, machine.extensions, environment);

  const port = await freePort();
  const server = `http://127.0.0.1:${port}`;
  const args = ["--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check"];
  if (trusted) args.push("--disable-workspace-trust");
  const log = fs.openSync(path.join(machine.tmp, "code-server.log"), "w");
  const child = spawn(process.execPath, [entry, ...common, ...args, "--disable-getting-started-override", opens], {
    env: environment,
    detached: true,
    stdio: ["ignore", log, log],
  });
  const revoke = atExit(() => process.kill(-child.pid, "SIGKILL")); // with the servers that it started
  await until(async () => (await fetch(`${server}/healthz`).catch(() => undefined))?.ok, "VS Code to start");
  const parameter = opens === machine.folder ? "folder" : "workspace";
  return {
    url: `${server}/?${parameter}=${encodeURIComponent(opens)}`,
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      process.kill(-child.pid, "SIGTERM");
      await gone;
      revoke();
    },
  };
}

/** Installs the built .vsix if SESSIONLS_E2E_VSIX names it, else what `npm run build` made. */
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
