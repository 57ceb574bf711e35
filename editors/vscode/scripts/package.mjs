// Builds dist/ as it is shipped, with the server's wheel and the list of what it needs, and packs it: sessionls-<version>.vsix, or the file named as an argument. Fails above 5 MB.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const LIMIT = 5 * 1024 * 1024;
const root = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const out = path.resolve(process.argv[2] ?? path.join(root, `sessionls-${version}.vsix`));
const vsce = path.join(path.dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");

const run = (...args) => execFileSync(process.execPath, args, { cwd: root, stdio: "inherit" });

fs.rmSync(path.join(root, "dist"), { recursive: true, force: true });
fs.copyFileSync(path.join(root, "../../LICENSE"), path.join(root, "LICENSE"));
run("esbuild.mjs", "--production");
bringServer(path.join(root, "dist/server"));
run(
  vsce,
  "package",
  "--no-dependencies",
  "--skip-license",
  "--allow-missing-repository",
  "--no-rewrite-relative-links",
  "--out",
  out,
);

const { size } = fs.statSync(out);
if (size > LIMIT) throw new Error(`${out} has ${size} bytes; the limit is ${LIMIT}.`);

/** The wheel is built by the project's own build back end, as pinned: nothing is fetched for it. */
function bringServer(folder) {
  const project = path.join(root, "../..");
  const own = path.join(project, process.platform === "win32" ? ".venv/Scripts/python.exe" : ".venv/bin/python");
  const python = process.env.SESSIONLS_PYTHON ?? own;
  if (!fs.existsSync(python))
    throw new Error("There is no .venv to build the server with: `make vsix` in the project sets it up.");
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(root, "server/requirements.txt"), path.join(folder, "requirements.txt"));
  execFileSync(python, ["-m", "hatchling", "build", "-t", "wheel", "-d", folder], { cwd: project, stdio: "inherit" });
}
