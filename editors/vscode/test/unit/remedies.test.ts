import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { COMMANDS } from "../../src/panel/messages";
import { remediesFor } from "../../src/remedies";

const manifest = JSON.parse(readFileSync(path.join(import.meta.dirname, "../../package.json"), "utf8")) as {
  contributes: { commands: { command: string }[] };
};
const KINDS = [
  "modelUnavailable",
  "agentUnavailable",
  "agentNotFound",
  "sessionUnreadable",
  "storeUnavailable",
  "internalError",
  "serverStopped",
  "serverStarting",
  "serverNotFound",
  "serverNotThere",
];

it("an error of a model offers another model, and its setup", () => {
  expect(remediesFor("modelUnavailable").map(({ command }) => command)).toEqual(["switchModel", "setUpModel"]);
});

it("a refused key offers another key first, then another model and the log", () => {
  expect(remediesFor("modelUnavailable", "unauthorized").map(({ command }) => command)).toEqual([
    "replaceKey",
    "switchModel",
    "showOutput",
  ]);
  expect(remediesFor("storeUnavailable", "unauthorized")).toEqual(remediesFor("storeUnavailable"));
});

it.each(["unauthorized", "noKey", "quota", "refused", "stalled", "cut", "provider", "noModel", "constructor"])(
  "what is offered where the reason is %s is a command that the page may run",
  (reason) => {
    const offered = remediesFor("modelUnavailable", reason);
    expect(offered.length).toBeGreaterThan(0);
    for (const { command } of offered) expect(COMMANDS).toContain(command);
  },
);

it("a session that cannot be read can be deleted", () => {
  expect(remediesFor("sessionUnreadable").map(({ command }) => command)).toEqual(["delete", "showOutput"]);
});

it.each([...KINDS, "serverLost"])("what is offered for %s is a command that the page may run", (kind) => {
  const offered = remediesFor(kind).map(({ command }) => command);
  expect(offered.length).toBeGreaterThan(0);
  const known = manifest.contributes.commands.map(({ command }) => command);
  for (const command of offered) {
    expect(COMMANDS).toContain(command);
    expect(known).toContain(`session.${command}`);
  }
});

it.each([undefined, "invalidParams", "constructor"])("nothing is offered for %s", (kind) => {
  expect(remediesFor(kind)).toEqual([]);
});
