/** Sets context keys about the last active panel, for `when` clauses. */
import * as vscode from "vscode";
import type { Sessions } from "../sessions";
import type { Panels } from "./openPanels";

export function watchPanelContext(sessions: Sessions, panels: Panels): vscode.Disposable {
  const known = new Map<string, boolean>();
  const set = (name: string, value: boolean): void => {
    if (known.get(name) === value) return;
    known.set(name, value);
    void vscode.commands.executeCommand("setContext", `sessionls.${name}`, value);
  };
  const update = (): void => {
    const session = panels.current === undefined ? undefined : sessions.store.session(panels.current);
    set("panelAsks", session?.asking !== undefined);
    set("panelReplies", session?.replying === true);
  };
  update();
  return vscode.Disposable.from(
    panels.onDidChange(update),
    sessions.store.onDidChangeList(update),
    sessions.store.onDidChangeOpen(update),
  );
}
