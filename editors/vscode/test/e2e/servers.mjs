// What a test needs beside VS Code: a model provider, and a team's database.
import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import { project } from "./setup.mjs";
import { stopProcess } from "./waiting.mjs";

export const python =
  process.env.SESSIONLS_E2E_SERVER_PYTHON ??
  path.join(project, process.platform === "win32" ? ".venv/Scripts/python.exe" : ".venv/bin/python");

/** Starts a model provider that records its requests. */
export async function startModel() {
  const child = spawn(python, [path.join(import.meta.dirname, "model.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout });
  const requests = [];
  const acknowledge = [];
  const url = await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("The model server did not start.")));
    lines.once("line", (first) => {
      lines.on("line", (line) => {
        const message = JSON.parse(line);
        if ("scripted" in message) acknowledge.shift()?.();
        else requests.push(message);
      });
      resolve(first);
    });
  });
  /** Sets the answers to the next requests, in place of those by convention: `{ text, tools: [{ name, arguments }] }` each. */
  const script = (...answers) =>
    new Promise((resolve) => {
      acknowledge.push(resolve);
      child.stdin.write(`${JSON.stringify(answers)}\n`);
    });
  return { url, requests, script, stop: () => stopProcess(child) };
}

/** A PostgreSQL with a login for each name: `members[name]` has its `url` and its `login`. */
export async function startTeam(...names) {
  const args = [path.join(import.meta.dirname, "team.py"), ...names];
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
  const members = await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("PostgreSQL did not start.")));
    readline.createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
  });
  /** Runs the terminal program as that member, and returns its output. */
  const terminal = (name, ...args) =>
    execFileSync(python, ["-m", "sessionls", ...args], {
      encoding: "utf8",
      env: { ...process.env, SESSIONLS_DATABASE_URL: members[name].url },
      stdio: ["ignore", "pipe", "inherit"],
    });
  const stop = async () => {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end();
    await exited;
  };
  return { members, terminal, stop };
}
