/** The open panels as the rest of the extension sees them. */
import type * as vscode from "vscode";
import type { Context } from "../protocol";

/** The panels that show sessions: one for each session that is shown. */
export interface Panels {
  /** Shows a session, and puts the focus into its composer, which then holds the draft where one is given. */
  show(
    sessionId: string,
    draft?: { readonly text: string; readonly agent?: string; readonly context?: readonly Context[] },
  ): Promise<void>;
  /** Shows a session in a side bar, in place of the one that was there. */
  showInSideBar(sessionId: string, side: "primary" | "secondary"): Promise<void>;
  /** The session that a side bar shows, or would where it was opened. */
  sideOf(side: "primary" | "secondary"): string | undefined;
  /** Shows a session in a tab, wherever it was shown before. */
  showInEditor(sessionId: string): Promise<void>;
  /** Shows a session at one of its messages. */
  reveal(sessionId: string, messageId: string): void;
  /** The session of the panel that was active last, as long as that panel is there. */
  readonly current: string | undefined;
  /** The sessions whose panels can be seen, that of the one that was active last first. */
  readonly visible: readonly string[];
  /** Whether there is a panel with the session, seen or not. */
  isOpen(sessionId: string): boolean;
  /** Whether a panel with the session can be seen now. */
  isVisible(sessionId: string): boolean;
  /** What can be seen changed. */
  readonly onDidChange: vscode.Event<void>;
}
