// Builds dist/ with the server's wheel and the list of its dependencies, and packs it into sessionls-<version>.vsix, or into the
// file in the argument. Fails above 5 MB. The variable SESSIONLS_PICTURES_URL is the web address of the README's pictures.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const LIMIT = 5 * 1024 * 1024;
const root = fileURLToPath(new URL("..", import.meta.url));
const project = path.join(root, "../..");
const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const out = path.resolve(process.argv[2] ?? path.join(root, `sessionls-${version}.vsix`));
const vsce = path.join(path.dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");
const dist = path.join(root, "dist");
const packed = path.join(root, ".cache/vsix");

const run = (cwd, ...args) => execFileSync(process.execPath, args, { cwd, stdio: "inherit" });

fs.rmSync(dist, { recursive: true, force: true });
run(root, "esbuild.mjs", "--production");
bringServer(path.join(dist, "server"));

fs.rmSync(packed, { recursive: true, force: true });
for (const name of ["package.json", "CHANGELOG.md", "dist", "media"])
  fs.cpSync(path.join(root, name), path.join(packed, name), { recursive: true, filter: (from) => !from.endsWith("screenshots") });
fs.copyFileSync(path.join(project, "LICENSE"), path.join(packed, "LICENSE"));
fs.writeFileSync(path.join(packed, "README.md"), illustrated(fs.readFileSync(path.join(root, "README.md"), "utf8")));
fs.writeFileSync(path.join(packed, ".vscodeignore"), ""); // include everything
run(packed, vsce, "package", "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out", out);

const { size } = fs.statSync(out);
if (size > LIMIT) throw new Error(`${out} has ${size} bytes; the limit is ${LIMIT}.`);

/** VS Code only shows pictures of a README that are on the web. Without an address they are removed. */
function illustrated(readme) {
  const url = process.env.SESSIONLS_PICTURES_URL;
  return readme.replace(/^!\[(.*)\]\((media\/.*)\)\n\n/gm, (_, alt, file) =>
    url ? `![${alt}](${new URL(file, url).href})\n\n` : "",
  );
}

/** Builds the wheel with the pinned build backend, without downloads. */
function bringServer(folder) {
  const own = path.join(project, process.platform === "win32" ? ".venv/Scripts/python.exe" : ".venv/bin/python");
  const python = process.env.SESSIONLS_PYTHON ?? own;
  if (!fs.existsSync(python)) throw new Error("The .venv to build the server is missing. `make vsix` in the project creates it.");
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(root, "server/requirements.txt"), path.join(folder, "requirements.txt"));
  execFileSync(python, ["-m", "hatchling", "build", "-t", "wheel", "-d", folder], { cwd: project, stdio: "inherit" });
}
