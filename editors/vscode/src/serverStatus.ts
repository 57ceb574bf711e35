/** The server's state, as VS Code's language status. */
import * as vscode from "vscode";
import { INSTALL } from "./installer";
import type { Problem } from "./problem";
import type { Server, ServerState } from "./server";
import { markDone } from "./walkthrough";

export function showStatus(server: Server): vscode.Disposable {
  const item = vscode.languages.createLanguageStatusItem("sessionls.server", { pattern: "**" });
  item.name = "sessionls";
  const show = (state: ServerState): void => {
    const kind = serverStatus(state);
    void vscode.commands.executeCommand("setContext", "sessionls.server", kind);
    if (kind === "ready") markDone("install");
    item.busy = kind === "starting" || kind === "installing";
    item.severity = state.kind === "stopped" ? vscode.LanguageStatusSeverity.Error : vscode.LanguageStatusSeverity.Information;
    item.text = kind === "missing" ? "Sessions: not installed" : TEXTS[state.kind];
    item.detail =
      state.kind === "ready"
        ? `${state.version} (${state.found})`
        : state.kind === "stopped"
          ? (state.problem?.message ?? "")
          : "";
    item.command =
      kind === "stopped"
        ? { command: "session.restartServer", title: "Restart" }
        : kind === "missing"
          ? { command: "session.installServer", title: "Install" }
          : { command: "session.showOutput", title: "Show Output" };
  };
  show(server.state);
  return vscode.Disposable.from(
    item,
    server.onDidChangeState((state) => {
      show(state);
      if (state.kind === "stopped" && state.problem !== undefined && !state.notified) void offer(state.problem);
    }),
  );
}

const TEXTS: Readonly<Record<ServerState["kind"], string>> = {
  starting: "Sessions: starting",
  waiting: "Sessions: starting again",
  installing: "Sessions: installing the server",
  ready: "Sessions: ready",
  stopped: "Sessions: stopped",
};

/** The server's state for `when` clauses and the panel. `missing`: no server was found. */
export function serverStatus(state: ServerState): "ready" | "starting" | "installing" | "missing" | "stopped" {
  if (state.kind === "stopped") return state.problem?.kind === "serverNotFound" ? "missing" : "stopped";
  return state.kind === "waiting" ? "starting" : state.kind;
}

const CHOICES: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  [INSTALL]: ["session.installServer"],
  "Restart Server": ["session.restartServer"],
  "Show Output": ["session.showOutput"],
  "Open Settings": ["workbench.action.openSettings", "sessionls.server"],
};

async function offer({ kind, text }: Problem): Promise<void> {
  const choice =
    kind === "serverNotFound"
      ? await vscode.window.showInformationMessage(text, INSTALL, "Open Settings")
      : await vscode.window.showErrorMessage(text, "Restart Server", "Show Output", "Open Settings");
  const [command, ...args] = choice === undefined ? [] : (CHOICES[choice] ?? []);
  if (command !== undefined) await vscode.commands.executeCommand(command, ...args);
}
