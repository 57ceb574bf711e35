/** The walkthrough "Get Started with Sessions": opens it, and tells it which of its steps are done, whichever way. */
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

/** So long a walkthrough takes to open, at most. */
const SETTLED = 500; // milliseconds

const done = new Set<Step>();

/** A person did what this step is about. */
export function did(step: Step): void {
  if (done.has(step)) return;
  done.add(step);
  void announce(step);
}

/** A command ended well. */
export function ran(command: string): void {
  const step = BY_COMMAND[command];
  if (step !== undefined) did(step);
}

export async function getStarted(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, false);
}

/** Tells a walkthrough that is opened, by whomever, what was done before: VS Code hears of it only while one has been opened. */
export function watchWalkthrough(): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  return vscode.Disposable.from(
    new vscode.Disposable(() => {
      clearTimeout(timer);
    }),
    vscode.window.tabGroups.onDidChangeTabs(({ opened, changed }) => {
      // Extensions are not told what tab it is: walkthroughs are among those of which nothing is told.
      if (![...opened, ...changed].some((tab) => tab.isActive && tab.input === undefined)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        for (const step of done) void announce(step);
      }, SETTLED);
    }),
  );
}

/** The key is true for a moment alone: one that is true when VS Code begins to listen counts as never having become so. */
async function announce(step: Step): Promise<void> {
  const key = `sessionls.did.${step}`;
  await vscode.commands.executeCommand("setContext", key, true);
  await vscode.commands.executeCommand("setContext", key, false);
}
