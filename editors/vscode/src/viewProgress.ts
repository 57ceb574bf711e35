/** Shows progress in the view of sessions until the first list is loaded. */
import * as vscode from "vscode";
import type { Server } from "./server";
import type { Sessions } from "./sessions";
import { serverStatus } from "./serverStatus";

export function showViewProgress(server: Server, sessions: Sessions): vscode.Disposable {
  let end: (() => void) | undefined;
  const update = (): void => {
    const status = serverStatus(server.state);
    const waits =
      status === "starting" || status === "installing" || (status === "ready" && !sessions.listed && !sessions.listFailed);
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
