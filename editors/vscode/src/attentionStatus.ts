/** Shows the sessions that need the person in the status bar, also after their notifications were closed. */
import * as vscode from "vscode";
import { inNeed, needLines, needOf, needText } from "./attention";
import type { Sessions } from "./sessions";

export function showAttentionStatus(sessions: Sessions): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("sessionls.attention", vscode.StatusBarAlignment.Left);
  item.name = "Sessions that need you";
  item.command = { command: "session.nextNeedsYou", title: "Next That Needs Me" };
  const show = (): void => {
    const waiting = inNeed(sessions.store.sessions);
    const asking = waiting.some((session) => needOf(session) === "permission");
    void vscode.commands.executeCommand("setContext", "sessionls.asking", asking);
    if (waiting.length === 0) {
      item.hide();
      return;
    }
    // Only a question blocks an agent.
    item.backgroundColor = asking ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    item.text = `$(bell-dot) ${waiting.length === 1 ? "Session needs you" : needText(waiting.length)}`;
    const lines = needLines(waiting);
    item.tooltip = lines.join("\n");
    item.accessibilityInformation = { label: `${needText(waiting.length)}. ${lines.join(". ")}`, role: "button" };
    item.show();
  };
  show();
  return vscode.Disposable.from(item, sessions.store.onDidChangeList(show));
}
