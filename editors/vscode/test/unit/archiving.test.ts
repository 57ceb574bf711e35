import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as vscode from "vscode";
import { archive, remove, unarchive } from "../../src/commands/archiving";
import { exportSession } from "../../src/commands/exporting";
import { Deletions } from "../../src/deletions";
import { Pins } from "../../src/pins";
import { Problem } from "../../src/problem";
import type { Session } from "../../src/protocol";
import type { Services } from "../../src/services";
import { Store } from "../../src/store";
import { aSession, memory } from "./samples";

const busy = new Problem("storeUnavailable", "The database is busy.", "Try again.");
const A = aSession({ id: "a", title: "A" });
const B = aSession({ id: "b", title: "B" });
const C = aSession({ id: "c", title: "C" });

/** Services with these sessions, and the requests that were sent. `failures` has the errors, by method and session. */
function withSessions(all: readonly Session[], failures: Readonly<Record<string, Problem>> = {}) {
  const requests: string[] = [];
  const store = new Store();
  store.setList(all);
  const request = (method: string, id: string): Promise<void> => {
    requests.push(`${method} ${id}`);
    const failure = failures[`${method} ${id}`];
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  const sessions = {
    store,
    act: (method: string, id: string) => request(method.replace("session/", ""), id),
    delete: async (id: string) => {
      await request("delete", id);
      store.changed({ deleted: id });
    },
  };
  const api = {
    request: (_method: string, { sessionId }: { sessionId: string }) => request("export", sessionId),
  };
  const pins = new Pins(memory());
  const deletions = new Deletions();
  const readiness = { wait: () => Promise.resolve() };
  const panels = { current: undefined, visible: [] };
  const services = { api, sessions, pins, deletions, readiness, panels } as unknown as Services;
  return { services, requests, store, pins, deletions };
}

const answer = (choice: string | undefined) => () => Promise.resolve(choice as never);
const ids = (all: readonly Session[]): string[] => all.map(({ id }) => id);

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("archiving several sessions, of which one fails", () => {
  it("says what was done, what failed and why, and undoes what was done", async () => {
    const { services, requests } = withSessions([A, B, C], { "archive b": busy });
    const shown = vi.spyOn(vscode.window, "showWarningMessage").mockImplementation(answer("Undo"));
    await archive(services, "a", ["a", "b", "c"]);
    expect(shown).toHaveBeenCalledWith("Archived 2 sessions. “B” was not archived: The database is busy. Try again.", "Undo");
    expect(requests).toEqual(["archive a", "archive b", "archive c", "unarchive a", "unarchive c"]);
  });

  it("gives a common reason once", async () => {
    const { services } = withSessions([A, B, C], { "archive a": busy, "archive b": busy });
    const shown = vi.spyOn(vscode.window, "showWarningMessage");
    await archive(services, "a", ["a", "b", "c"]);
    expect(shown.mock.calls[0]?.[0]).toBe("Archived “C”. “A” and “B” were not archived: The database is busy. Try again.");
  });

  it("is an error if none was archived", async () => {
    const { services } = withSessions([A, B], { "archive a": busy, "archive b": busy });
    await expect(archive(services, "a", ["a", "b"])).rejects.toThrow("“A” and “B” were not archived");
  });

  it("tries no more sessions when the server has ended", async () => {
    const lost = new Problem("serverLost", "The server ended.");
    const { services, requests } = withSessions([A, B, C], { "archive b": lost });
    const shown = vi.spyOn(vscode.window, "showWarningMessage");
    await archive(services, "a", ["a", "b", "c"]);
    expect(requests).toEqual(["archive a", "archive b"]);
    expect(shown.mock.calls[0]?.[0]).toBe("Archived “A”. “B” and “C” were not archived: The server ended.");
  });

  it("names the sessions that could not be restored", async () => {
    const archived = [A, B].map((session): Session => ({ ...session, state: "archived" }));
    const { services, requests } = withSessions(archived, { "unarchive a": busy });
    await expect(unarchive(services, "a", ["a", "b"])).rejects.toThrow(
      "“A” was not unarchived: The database is busy. Try again.",
    );
    expect(requests).toEqual(["unarchive a", "unarchive b"]);
  });
});

describe("exporting several sessions, of which one fails", () => {
  beforeEach(() => {
    vi.spyOn(vscode.window, "showQuickPick").mockResolvedValue({ format: "json", extension: "json" } as never);
    vi.spyOn(vscode.window, "showOpenDialog").mockResolvedValue([{ path: "/out", fsPath: "/out" } as never]);
  });

  it("exports the others, and says which failed and why", async () => {
    const { services, requests } = withSessions([A, B, C], { "export b": busy });
    const shown = vi.spyOn(vscode.window, "showWarningMessage");
    await exportSession(services, "a", ["a", "b", "c"]);
    expect(requests).toEqual(["export a", "export b", "export c"]);
    expect(shown.mock.calls[0]?.[0]).toBe("Exported 2 sessions to /out. “B” was not exported: The database is busy. Try again.");
  });
});

describe("deleting sessions", () => {
  /** Deletes them, and lets the time to undo pass after `during`. */
  async function deleteAll(services: Services, targets: readonly string[], during: () => void = () => undefined): Promise<void> {
    vi.useFakeTimers();
    const removed = remove(services, targets[0], targets);
    removed.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(0);
    during();
    await vi.advanceTimersByTimeAsync(60_000);
    await removed;
  }

  it("deletes the others if one fails, lists that one again, and says which failed and why", async () => {
    const { services, requests, store, pins } = withSessions([A, B, C], { "delete a": busy });
    await pins.set(["a", "b"], true);
    await expect(deleteAll(services, ["a", "b", "c"])).rejects.toThrow("“A” was not deleted: The database is busy. Try again.");
    expect(requests).toEqual(["delete a", "delete b", "delete c"]);
    expect(ids(store.sessions)).toEqual(["a"]);
    expect([...pins.ids]).toEqual(["a"]);
  });

  it("keeps a session in which somebody has written since", async () => {
    const { services, requests, store } = withSessions([A, B]);
    const deleted = deleteAll(services, ["a", "b"], () => {
      store.changed({ session: { ...A, messageCount: A.messageCount + 1, seq: A.seq + 1 } });
    });
    await expect(deleted).rejects.toThrow("“A” was not deleted: Somebody has written in it meanwhile.");
    expect(requests).toEqual(["delete b"]);
  });

  it("succeeds if another window has deleted one before", async () => {
    const { services, store } = withSessions([A, B], { "delete a": new Problem("sessionNotFound", "It is gone.") });
    await deleteAll(services, ["a", "b"]);
    expect(store.sessions).toEqual([]);
  });

  it("pauses a running reply, and resumes it with Undo", async () => {
    const { services, requests, store } = withSessions([{ ...A, replying: true }, B]);
    vi.spyOn(vscode.window, "showInformationMessage").mockImplementation(answer("Undo"));
    await deleteAll(services, ["a", "b"]);
    expect(requests).toEqual(["pause a", "resume a"]);
    expect(ids(store.sessions).sort()).toEqual(["a", "b"]);
  });

  it("does nothing for a session that is being deleted already", async () => {
    const { services, requests } = withSessions([A]);
    vi.useFakeTimers();
    const first = remove(services, "a", []);
    const second = remove(services, "a", []);
    await vi.advanceTimersByTimeAsync(60_000);
    await Promise.all([first, second]);
    expect(requests).toEqual(["delete a"]);
  });
});
