import { afterEach, describe, expect, it, vi } from "vitest";
import * as vscode from "vscode";
import { showAttentionStatus } from "../../src/attentionStatus";
import { nextNeedsYou } from "../../src/commands/managing";
import { Emitter } from "../../src/emitter";
import { Pins } from "../../src/pins";
import type { Session } from "../../src/protocol";
import type { Services } from "../../src/services";
import type { Sessions } from "../../src/sessions";
import { SessionsView } from "../../src/sessionsView";
import { Store } from "../../src/store";
import { aQuestion, aSession, memory } from "./samples";

const failed = aSession({ id: "failed", title: "F", messageCount: 2, stopped: "failed" });
const asks = aSession({ id: "asks", title: "A", messageCount: 2, replying: true, asking: [aQuestion("q")] });
const replying = aSession({ id: "replying", title: "R", messageCount: 2, replying: true });
const idle = aSession({ id: "idle", title: "I", messageCount: 2 });

/** The view, the status bar and the command with these sessions. */
async function shownWith(all: readonly Session[], pinned: readonly string[] = []) {
  const view: { badge?: { value: number; tooltip: string } } & Record<string, unknown> = {
    visible: true,
    selection: [],
    dispose: () => undefined,
  };
  vi.spyOn(vscode.window, "createTreeView").mockReturnValue(view as never);
  const item: { text?: string; shown: boolean } & Record<string, unknown> = { shown: false, dispose: () => undefined };
  item["show"] = () => {
    item.shown = true;
  };
  item["hide"] = () => {
    item.shown = false;
  };
  vi.spyOn(vscode.window, "createStatusBarItem").mockReturnValue(item as never);
  const store = new Store();
  const sessions = { store, listed: true, listFailed: false, listHasMore: false, onError: new Emitter<unknown>().event };
  const visited: string[] = [];
  const panels = {
    current: undefined as string | undefined,
    onDidChange: new Emitter<void>().event,
    isOpen: () => false,
    isVisible: () => true as boolean,
    show: (id: string) => {
      visited.push(id);
      panels.current = id;
      return Promise.resolve();
    },
  };
  const pins = new Pins(memory());
  await pins.set(pinned, true);
  const tree = new SessionsView(sessions as unknown as Sessions, panels as never, () => false, pins);
  showAttentionStatus(sessions as unknown as Sessions);
  store.setList(all);
  const services = { sessions, panels } as unknown as Services;
  return { view, item, store, tree, panels, visited, next: () => nextNeedsYou(services) };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("sessions that need the person", () => {
  it("are counted alike by the badge and the status bar, and visited by Next That Needs Me", async () => {
    const { view, item, visited, next } = await shownWith([failed, asks, replying, idle]);
    expect(view.badge).toEqual({ value: 2, tooltip: "2 sessions need you" });
    expect(item.text).toBe("$(bell-dot) 2 sessions need you");
    for (let count = 0; count < 3; count += 1) await next();
    expect(visited).toEqual(["asks", "failed", "asks"]);
  });

  it("do not include those in which a reply has ended unseen, whose rows are marked instead", async () => {
    const { view, item, store, tree, panels } = await shownWith([replying, idle]);
    panels.isVisible = () => false;
    store.changed({ session: { ...replying, replying: false, seq: 11 } });
    expect([view.badge, item.shown]).toEqual([undefined, false]);
    const rows = tree.getChildren().map((row) => tree.getTreeItem(row));
    const marked = rows.filter(({ resourceUri }) => resourceUri !== undefined);
    expect(marked.map(({ label, accessibilityInformation }) => [label, accessibilityInformation?.label])).toEqual([
      ["R", expect.stringMatching(/^R, new reply, /)],
    ]);
    tree.seen("replying");
    expect(tree.getChildren().some((row) => tree.getTreeItem(row).resourceUri !== undefined)).toBe(false);
  });

  it("stand first in the list if they are pinned, too", async () => {
    const { tree } = await shownWith([failed, idle], ["failed", "idle"]);
    const groups = tree.getChildren().map((row) => tree.getTreeItem(row).label);
    expect(groups).toEqual(["Needs You", "Pinned"]);
  });

  it("are listed if they were handed over without a message", async () => {
    const [ada, ben] = [
      { id: "ada", name: "Ada" },
      { id: "ben", name: "Ben" },
    ];
    const { setParticipant } = await import("../../src/attention");
    setParticipant("ben");
    const needs = [{ kind: "handOver", participant: ben, by: ada, at: idle.updatedAt } as const];
    const { view, tree } = await shownWith([aSession({ id: "handed", title: "New session", needs }), idle]);
    expect(view.badge?.value).toBe(1);
    expect(tree.getTreeItem(tree.getChildren()[0] ?? "more").label).toBe("Needs You");
    setParticipant(undefined);
  });
});
