/** The server's state, as VS Code's language status. */
import * as vscode from "vscode";
import type { Server, ServerState } from "./server";

export function showStatus(server: Server): vscode.Disposable {
  const item = vscode.languages.createLanguageStatusItem("sessionls.server", { pattern: "**" });
  item.name = "sessionls";
  const show = (state: ServerState): void => {
    const kind = state.kind === "waiting" ? "starting" : state.kind;
    void vscode.commands.executeCommand("setContext", "sessionls.server", kind);
    item.busy = kind === "starting";
    item.severity = kind === "stopped" ? vscode.LanguageStatusSeverity.Error : vscode.LanguageStatusSeverity.Information;
    item.text = TEXTS[state.kind];
    item.detail =
      state.kind === "ready"
        ? `${state.version} (${state.found})`
        : state.kind === "stopped"
          ? (state.problem?.message ?? "")
          : "";
    item.command =
      kind === "stopped"
        ? { command: "session.restartServer", title: "Restart" }
        : { command: "session.showOutput", title: "Show Output" };
  };
  show(server.state);
  return vscode.Disposable.from(
    item,
    server.onDidChangeState((state) => {
      show(state);
      if (state.kind === "stopped" && state.problem !== undefined) void offer(state.problem.words);
    }),
  );
}

const TEXTS: Readonly<Record<ServerState["kind"], string>> = {
  starting: "Sessions: starting",
  waiting: "Sessions: starting again",
  ready: "Sessions: ready",
  stopped: "Sessions: stopped",
};

async function offer(words: string): Promise<void> {
  const choice = await vscode.window.showErrorMessage(words, "Restart Server", "Show Output", "Open Settings");
  if (choice === "Restart Server") await vscode.commands.executeCommand("session.restartServer");
  if (choice === "Show Output") await vscode.commands.executeCommand("session.showOutput");
  if (choice === "Open Settings")
    await vscode.commands.executeCommand("workbench.action.openSettings", "sessionls.server.command");
}
