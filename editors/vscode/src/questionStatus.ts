/** Sessions that ask for permission, in the status bar: they stand there until they are answered, whatever became of notifications. */
import * as vscode from "vscode";
import type { Sessions } from "./sessions";

export function showQuestionStatus(sessions: Sessions): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("sessionls.asking", vscode.StatusBarAlignment.Left);
  item.name = "Sessions that ask for permission";
  item.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
  item.command = { command: "session.goToQuestion", title: "Go to Question" };
  const show = (): void => {
    const asking = sessions.store.sessions.filter((session) => session.asking !== undefined);
    void vscode.commands.executeCommand("setContext", "sessionls.asking", asking.length > 0);
    const [first] = asking;
    if (first === undefined) {
      item.hide();
      return;
    }
    const words = asking.length === 1 ? "A session asks for permission" : `${asking.length} sessions ask for permission`;
    item.text = `$(bell-dot) ${asking.length === 1 ? "Session asks" : `${asking.length} sessions ask`}`;
    const lines = asking.flatMap(({ title, asking: questions = [] }) =>
      questions.map(({ agent, summary }) => `${title}: ${agent} asks: ${summary}`),
    );
    item.tooltip = lines.join("\n");
    item.accessibilityInformation = { label: `${words}. ${lines.join(". ")}`, role: "button" };
    item.show();
  };
  show();
  return vscode.Disposable.from(item, sessions.store.onDidChangeList(show));
}
