import { readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as vscode from "vscode";
import { registerCommands } from "../../src/commands";
import { Emitter } from "../../src/emitter";
import { Problem } from "../../src/problem";
import { Readiness } from "../../src/readiness";
import type { ServerState } from "../../src/server";
import type { Services } from "../../src/services";

/** A server in that state, which the test changes. */
function aServer(kind: "starting" | "installing" | "stopped", problem?: Problem) {
  const changed = new Emitter<void>();
  const listChanged = new Emitter<void>();
  let state: ServerState = kind === "stopped" ? { kind, ...(problem && { problem }) } : { kind };
  const api = { ready: false, onConnected: changed.event };
  const sessions = { listed: false, listFailed: false, onError: changed.event, store: { onDidChangeList: listChanged.event } };
  const server = {
    get state() {
      return state;
    },
    onDidChangeState: changed.event,
  };
  return {
    readiness: new Readiness({ api, server, sessions }),
    connects: () => {
      state = { kind: "ready", version: "1", found: "" };
      api.ready = true;
      changed.fire();
    },
    lists: (failed = false) => {
      sessions[failed ? "listFailed" : "listed"] = true;
      listChanged.fire();
    },
    stops: (why: Problem) => {
      state = { kind: "stopped", problem: why };
      changed.fire();
    },
  };
}

/** How a promise stands, without waiting for it. */
async function standing(promise: Promise<unknown>): Promise<string> {
  await Promise.resolve();
  return Promise.race([
    promise.then(
      () => "done",
      () => "failed",
    ),
    new Promise<string>((resolve) => setTimeout(resolve, 0, "waiting")),
  ]);
}

const notFound = new Problem("serverNotFound", "The server is not installed yet.", "Install it.");

describe("a command that needs the server", () => {
  it("waits until it has started and listed its sessions", async () => {
    const { readiness, connects, lists } = aServer("starting");
    const waiting = readiness.wait();
    expect(await standing(waiting)).toBe("waiting");
    connects();
    expect(await standing(waiting)).toBe("waiting");
    lists();
    expect(await standing(waiting)).toBe("done");
  });

  it("also waits while it is being installed, and runs if its list could not be loaded", async () => {
    const { readiness, connects, lists } = aServer("installing");
    const waiting = readiness.wait();
    connects();
    expect(await standing(waiting)).toBe("waiting");
    lists(true);
    expect(await standing(waiting)).toBe("done");
  });

  it("fails with the reason if it does not start", async () => {
    const { readiness, stops } = aServer("starting");
    const waiting = readiness.wait();
    stops(notFound);
    await expect(waiting).rejects.toMatchObject({
      kind: "serverNotFound",
      text: "The server is not installed yet. Install it.",
    });
  });

  it("fails at once if it is not running", async () => {
    await expect(aServer("stopped", notFound).readiness.waitWithProgress()).rejects.toMatchObject({ kind: "serverNotFound" });
    const ended = new Problem("internalError", "It ended.", "Its output shows why.");
    await expect(aServer("stopped", ended).readiness.wait()).rejects.toMatchObject({
      kind: "serverStopped",
      message: "It ended.",
    });
  });

  it("can be cancelled while it waits", async () => {
    const { readiness } = aServer("starting");
    const cancelled = new Emitter<void>();
    const token = { isCancellationRequested: false, onCancellationRequested: cancelled.event };
    const waiting = readiness.wait(token);
    token.isCancellationRequested = true;
    cancelled.fire();
    await expect(waiting).rejects.toMatchObject({ kind: "cancelled" });
  });
});

describe("the commands", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** The registered commands, run with this server. */
  function commandsWith(readiness: Readiness, services: object) {
    const registered = new Map<string, () => Promise<void>>();
    vi.spyOn(vscode.commands, "registerCommand").mockImplementation((id, command) => {
      registered.set(id, command);
      return { dispose: () => undefined };
    });
    registerCommands({ readiness, ...services } as unknown as Services);
    return (id: string): Promise<void> => registered.get(id)?.() ?? Promise.reject(new Error(`There is no command ${id}.`));
  }

  it("wait for the server, with progress, and then run", async () => {
    const { readiness, connects, lists } = aServer("starting");
    const progress = vi.spyOn(vscode.window, "withProgress");
    const create = vi.fn(() => Promise.resolve({ id: "new" }));
    const run = commandsWith(readiness, { sessions: { create }, panels: { show: () => Promise.resolve() } });
    const created = run("session.new");
    expect(await standing(created)).toBe("waiting");
    expect(progress.mock.calls[0]?.[0]).toMatchObject({ title: "Waiting for the sessionls server to start…", cancellable: true });
    expect(create).not.toHaveBeenCalled();
    connects();
    lists();
    await created;
    expect(create).toHaveBeenCalledOnce();
  });

  it("offer to install a server that is not installed", async () => {
    const run = commandsWith(aServer("stopped", notFound).readiness, {});
    const shown = vi.spyOn(vscode.window, "showErrorMessage");
    await run("session.new");
    expect(shown).toHaveBeenCalledWith("The server is not installed yet. Install it.", "Install the Server");
  });

  it("that create a session do so once for a double click", async () => {
    const { readiness, connects, lists } = aServer("starting");
    const create = vi.fn(() => Promise.resolve({ id: "new" }));
    const run = commandsWith(readiness, { sessions: { create }, panels: { show: () => Promise.resolve() } });
    const clicks = [run("session.new"), run("session.new")];
    connects();
    lists();
    await Promise.all(clicks);
    expect(create).toHaveBeenCalledOnce();
  });

  it("are offered before the server has started", () => {
    const manifest = readFileSync(path.join(import.meta.dirname, "../../package.json"), "utf8");
    const { contributes } = JSON.parse(manifest) as { contributes: { commands: { command: string; enablement?: string }[] } };
    const disabled = contributes.commands.filter(({ enablement }) => enablement?.includes("sessionls.server"));
    expect(disabled).toEqual([]);
  });
});
