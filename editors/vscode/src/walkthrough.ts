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
  // VS Code begins to listen when a walkthrough is first opened, and hears only of keys that change.
  for (const step of done) await announce(step);
}

async function announce(step: Step): Promise<void> {
  const key = `sessionls.did.${step}`;
  await vscode.commands.executeCommand("setContext", key, false);
  await vscode.commands.executeCommand("setContext", key, true);
}
