/** All commands, by id. package.json has their titles and menus. */
import * as vscode from "vscode";
import { forgetKey, replaceKey, setUpModel } from "../modelSetup";
import { problemOf, type Problem } from "../problem";
import { remediesFor } from "../remedies";
import type { Services } from "../services";
import { getStarted, commandSucceeded } from "../walkthrough";
import { archive, remove, unarchive } from "./archiving";
import { askAboutSelection, attachImage, newSession, review, securityReview, sendMessage } from "./messaging";
import type { Target } from "./choosing";
import {
  act,
  answer,
  filter,
  fork,
  goToQuestion,
  groupBy,
  nextNeedsYou,
  open,
  openArchived,
  pin,
  rename,
  setFilter,
  showArchived,
  setBudget,
  switchAgent,
  switchModel,
} from "./managing";
import { exportSession } from "./exporting";
import { openInEditor, openInNewWindow, openInSideBar } from "./openIn";
import { search } from "./searching";
import { handOver, share } from "./sharing";
import { compactNow, showWindow } from "./windowUse";

/** Returns false, or nothing. */
type Command = (services: Services, target: Target, targets: readonly string[]) => unknown;

const COMMANDS: Readonly<Record<string, Command>> = {
  "session.new": newSession,
  "session.open": open,
  "session.openInSideBar": (services, target) => openInSideBar(services, target, "primary"),
  "session.openInSecondarySideBar": (services, target) => openInSideBar(services, target, "secondary"),
  "session.openInEditor": openInEditor,
  "session.openInNewWindow": openInNewWindow,
  "session.openArchived": openArchived,
  "session.showArchived": (services) => showArchived(services, true),
  "session.hideArchived": (services) => showArchived(services, false),
  "session.sendMessage": sendMessage,
  "session.attachImage": attachImage,
  "session.askAboutSelection": askAboutSelection,
  "session.reviewSelection": (services) => review(services, "selection", "review"),
  "session.reviewFile": (services) => review(services, "file", "review"),
  "session.reviewChanges": (services) => review(services, "changes", "review"),
  "session.securityReview": securityReview,
  "session.switchAgent": switchAgent,
  "session.switchModel": switchModel,
  "session.setBudget": setBudget,
  "session.showWindow": showWindow,
  "session.compact": compactNow,
  "session.goToQuestion": goToQuestion,
  "session.nextNeedsYou": nextNeedsYou,
  "session.allowOnce": (services) => answer(services, "once"),
  "session.allowForSession": (services) => answer(services, "session"),
  "session.deny": (services) => answer(services, "deny"),
  "session.pause": (services, target) => act(services, "session/pause", target),
  "session.resume": (services, target) => act(services, "session/resume", target),
  "session.cancelReply": (services, target) => act(services, "session/cancel", target),
  "session.archive": archive,
  "session.unarchive": unarchive,
  "session.fork": fork,
  "session.pin": (services, target, targets) => pin(services, target, targets, true),
  "session.unpin": (services, target, targets) => pin(services, target, targets, false),
  "session.groupBy": groupBy,
  "session.rename": rename,
  "session.delete": remove,
  "session.share": share,
  "session.handOver": handOver,
  "session.export": exportSession,
  "session.search": search,
  "session.filter": filter,
  "session.clearFilter": (services) => {
    setFilter(services, "");
  },
  "session.showMore": ({ sessions }) => sessions.moreOfList(),
  "session.refresh": ({ sessions }) => sessions.refreshList(),
  "session.setUpModel": setUpModel,
  "session.replaceKey": replaceKey,
  "session.forgetKey": forgetKey,
  "session.getStarted": getStarted,
  "session.installServer": ({ installer }) => installer.install(),
  "session.restartServer": ({ server }) => server.restart(),
  "session.showOutput": ({ server }) => {
    server.log.show();
  },
};

/** Commands that run without a server. The others wait for it. */
const WITHOUT_SERVER: ReadonlySet<string> = new Set([
  "session.groupBy",
  "session.clearFilter",
  "session.forgetKey",
  "session.getStarted",
  "session.installServer",
  "session.restartServer",
  "session.showOutput",
]);

/** Commands that create a session: a double click must create one, not two. */
const CREATE: ReadonlySet<string> = new Set(["session.new", "session.fork"]);

export function registerCommands(services: Services): vscode.Disposable {
  const creating = new Set<string>();
  const run = async (id: string, command: Command, target: unknown, selected: unknown): Promise<void> => {
    const targets = isFocused(target) ? await services.view.focused() : targetsOf(target, selected);
    // Keys in the view only apply to its rows.
    if (isFocused(target) && targets.length === 0) return;
    const key = [id, ...targets].join(" ");
    if (creating.has(key)) return;
    if (CREATE.has(id)) creating.add(key);
    try {
      if (!WITHOUT_SERVER.has(id)) await services.readiness.waitWithProgress();
      const effectiveTarget = isFocused(target) ? targets[0] : targetOf(target);
      if ((await command(services, effectiveTarget, targets)) !== false) commandSucceeded(id);
    } finally {
      creating.delete(key);
    }
  };
  const registered = Object.entries(COMMANDS).map(([id, command]) =>
    vscode.commands.registerCommand(id, async (target?: unknown, selected?: unknown) => {
      try {
        await run(id, command, target, selected);
      } catch (error) {
        const problem = problemOf(error);
        if (problem.kind !== "cancelled") void showProblem(problem);
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}

/** Shows an error, with buttons for possible remedies. */
async function showProblem({ kind, text, reason }: Problem): Promise<void> {
  const remedies = remediesFor(kind, reason);
  const choice = await vscode.window.showErrorMessage(text, ...remedies.map(({ label }) => label));
  const chosen = remedies.find(({ label }) => label === choice);
  if (chosen !== undefined) await vscode.commands.executeCommand(`session.${chosen.command}`);
}

/** Whether the command is bound to keys of the view. */
function isFocused(argument: unknown): boolean {
  return typeof argument === "object" && argument !== null && "focused" in argument;
}

/** The sessions for a menu: all selected ones, if the menu was opened on one of them. */
function targetsOf(target: unknown, selected: unknown): readonly string[] {
  const rows = Array.isArray(selected) ? selected : [target];
  return rows.map(targetOf).flatMap((row) => (row === undefined ? [] : [typeof row === "string" ? row : row.session.id]));
}

/** The argument of the view's menus. (Menus of editors pass the document's URI, which is not a session.) */
function targetOf(argument: unknown): Target {
  if (typeof argument === "string") return argument;
  return typeof argument === "object" && argument !== null && "session" in argument ? (argument as Target) : undefined;
}
