/** What the capabilities of the extension are given: each takes what it needs of this. */
import type * as vscode from "vscode";
import type { Context } from "./protocol";
import type { Api } from "./api";
import type { EditorContext } from "./context";
import type { Installer } from "./installing";
import type { Models } from "./models";
import type { Secrets } from "./secrets";
import type { Server } from "./server";
import type { Sessions } from "./sessions";
import type { SessionsView } from "./sessionsView";

/** The panels that show sessions: one for each session that is shown. */
export interface Panels {
  /** Shows a session, and puts the focus into its composer, which then holds the draft where one is given. */
  show(
    sessionId: string,
    draft?: { readonly text: string; readonly agent?: string; readonly context?: readonly Context[] },
  ): Promise<void>;
  /** Shows a session at one of its messages. */
  reveal(sessionId: string, messageId: string): void;
  /** The session of the panel that was active last, as long as that panel is there. */
  readonly current: string | undefined;
  /** The sessions whose panels can be seen, that of the one that was active last first. */
  readonly visible: readonly string[];
  /** Whether a panel with the session can be seen now. */
  isVisible(sessionId: string): boolean;
  /** What can be seen changed. */
  readonly onDidChange: vscode.Event<void>;
}

export interface Services {
  readonly api: Api;
  readonly server: Server;
  readonly installer: Installer;
  readonly models: Models;
  readonly sessions: Sessions;
  readonly panels: Panels;
  readonly view: SessionsView;
  readonly secrets: Secrets;
  readonly context: EditorContext;
}
