/** The walkthrough "Get Started with Sessions": opens it, and marks completed steps. */
import * as vscode from "vscode";

type Step = "install" | "model" | "session" | "context" | "agent" | "pause" | "review";

const WALKTHROUGH = "sessionls.sessionls#getStarted";
const BY_COMMAND: Readonly<Record<string, Step>> = {
  "session.new": "session",
  "session.askAboutSelection": "context",
  "session.pause": "pause",
  "session.resume": "pause",
  "session.fork": "pause",
  "session.reviewSelection": "review",
  "session.reviewFile": "review",
  "session.reviewChanges": "review",
  "session.securityReview": "review",
};

/** The longest time in which a walkthrough opens. */
const SETTLED = 500; // milliseconds

const done = new Set<Step>();

/** A step was completed. */
export function markDone(step: Step): void {
  if (done.has(step)) return;
  done.add(step);
  void announce(step);
}

/** A command succeeded. */
export function commandSucceeded(command: string): void {
  const step = BY_COMMAND[command];
  if (step !== undefined) markDone(step);
}

export async function getStarted(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, false);
}

/** Marks earlier completed steps when a walkthrough is opened, because VS Code ignores them before. */
export function watchWalkthrough(): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  return vscode.Disposable.from(
    new vscode.Disposable(() => {
      clearTimeout(timer);
    }),
    vscode.window.tabGroups.onDidChangeTabs(({ opened, changed }) => {
      // The API has no type for walkthrough tabs: they are among the tabs with an unknown type.
      if (![...opened, ...changed].some((tab) => tab.isActive && tab.input === undefined)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        for (const step of done) void announce(step);
      }, SETTLED);
    }),
  );
}

/** Sets the key only for a moment: VS Code ignores a key that was already true when it starts to listen. */
async function announce(step: Step): Promise<void> {
  const key = `sessionls.did.${step}`;
  await vscode.commands.executeCommand("setContext", key, true);
  await vscode.commands.executeCommand("setContext", key, false);
}
