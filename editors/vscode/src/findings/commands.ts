/** The commands of a finding's comment thread. package.json has their titles; none is in the command palette. */
import * as vscode from "vscode";
import { problemOf } from "../problem";
import type { Panels } from "../panel/openPanels";
import type { Readiness } from "../readiness";
import type { FindingActions } from "./actions";
import type { FindingThreads } from "./threads";

type Command = (findingId: string, text: string) => Promise<void> | void;

export function registerFindingCommands(
  actions: FindingActions,
  threads: FindingThreads,
  panels: Panels,
  readiness: Readiness,
): vscode.Disposable {
  const commands: Readonly<Record<string, Command>> = {
    // VS Code empties the text box when the command ends, so it must not wait for the reply, which reports its own errors.
    "session.finding.reply": (id, text) => {
      void threads.reply(id, text);
    },
    "session.finding.fix": (id, text) => actions.fix(id, text),
    "session.finding.applySuggestion": (id) => actions.applySuggestion(id),
    "session.finding.resolve": (id) => actions.update(id, "fixed"),
    "session.finding.dismiss": (id) => actions.update(id, "dismissed"),
    "session.finding.openSession": async (id) => {
      const shown = actions.shown.get(id);
      if (shown !== undefined) await panels.show(shown.finding.sessionId);
    },
  };
  const registered = Object.entries(commands).map(([name, command]) =>
    // Menus in the title pass the thread; those beside the text box also pass its text.
    vscode.commands.registerCommand(name, async (given: vscode.CommentThread | vscode.CommentReply | undefined) => {
      if (given === undefined) return;
      const [thread, text] = "thread" in given ? [given.thread, given.text] : [given, ""];
      const id = threads.findingOf(thread);
      if (id === undefined) return;
      try {
        await readiness.waitWithProgress();
        await command(id, text);
      } catch (error) {
        const problem = problemOf(error);
        if (problem.kind !== "cancelled") void vscode.window.showErrorMessage(problem.text);
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}
