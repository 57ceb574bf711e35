/** Shows progress in the view of sessions until the first list is loaded. */
import * as vscode from "vscode";
import type { Server } from "./server";
import type { Sessions } from "./sessions";
import { standingOf } from "./status";

export function showViewProgress(server: Server, sessions: Sessions): vscode.Disposable {
  let end: (() => void) | undefined;
  const update = (): void => {
    const standing = standingOf(server.state);
    const waits =
      standing === "starting" || standing === "installing" || (standing === "ready" && !sessions.listed && !sessions.listFailed);
    if (!waits) {
      end?.();
      end = undefined;
    } else if (end === undefined) {
      const waited = new Promise<void>((resolve) => {
        end = resolve;
      });
      void vscode.window.withProgress({ location: { viewId: "sessionls.sessions" } }, () => waited);
    }
  };
  update();
  return vscode.Disposable.from(
    server.onDidChangeState(update),
    sessions.store.onDidChangeList(update),
    sessions.onError(update),
    new vscode.Disposable(() => end?.()),
  );
}
