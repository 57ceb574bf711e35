/** Waits until commands can run: until the server has started and has listed its sessions. */
import * as vscode from "vscode";
import type { Disposable } from "./emitter";
import { Problem, serverStopped } from "./problem";
import type { ServerState } from "./server";

type Listen = (listener: () => void) => Disposable;

/** What to wait for. */
interface Watched {
  readonly api: { readonly ready: boolean; readonly onConnected: Listen };
  readonly server: { readonly state: ServerState; readonly onDidChangeState: Listen };
  readonly sessions: {
    readonly listed: boolean;
    readonly listFailed: boolean;
    readonly onError: Listen;
    readonly store: { readonly onDidChangeList: Listen };
  };
}

export class Readiness {
  constructor(private readonly watched: Watched) {}

  get ready(): boolean {
    const { api, sessions } = this.watched;
    return api.ready && (sessions.listed || sessions.listFailed);
  }

  /** Waits while the server starts. Throws a `Problem` if it is not running, or if the token is cancelled. */
  async wait(token?: vscode.CancellationToken): Promise<void> {
    const { api, server, sessions } = this.watched;
    const waits = (): boolean => !this.ready && server.state.kind !== "stopped" && token?.isCancellationRequested !== true;
    if (waits()) {
      await new Promise<void>((resolve) => {
        const check = (): void => {
          if (waits()) return;
          for (const listener of listeners) listener.dispose();
          resolve();
        };
        const listeners: Disposable[] = [
          api.onConnected(check),
          server.onDidChangeState(check),
          sessions.onError(check),
          sessions.store.onDidChangeList(check),
          ...(token === undefined ? [] : [token.onCancellationRequested(check)]),
        ];
      });
    }
    if (this.ready) return;
    if (token?.isCancellationRequested === true) throw new Problem("cancelled", "Cancelled.");
    throw whyUnavailable(server.state);
  }

  /** Like `wait`, with a notification that can be cancelled. */
  async waitWithProgress(): Promise<void> {
    if (this.ready) return;
    const { state } = this.watched.server;
    if (state.kind === "stopped") throw whyUnavailable(state);
    const title = `Waiting for the sessionls server to ${state.kind === "installing" ? "be installed" : "start"}…`;
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    await vscode.window.withProgress(options, (_, token) => this.wait(token));
  }
}

/** Why there is no server, and what to do. */
export function whyUnavailable(state: ServerState): Problem {
  switch (state.kind) {
    case "ready": // It is about to accept requests.
    case "starting":
    case "waiting":
      return new Problem("serverStarting", "The sessionls server is still starting.", "Try again in a moment.");
    case "installing":
      return new Problem("serverStarting", "The sessionls server is being installed.", "Try again when it is installed.");
    case "stopped": {
      const { problem } = state;
      if (problem === undefined) return serverStopped();
      const kind = problem.kind === "serverNotFound" || problem.kind === "serverNotThere" ? problem.kind : "serverStopped";
      return new Problem(kind, problem.message, problem.hint);
    }
  }
}
