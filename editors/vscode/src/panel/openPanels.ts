/** The interface of the open panels for the rest of the extension. */
import type * as vscode from "vscode";
import type { Context } from "../protocol";

/** The panels that show sessions, one for each visible session. */
export interface Panels {
  /** Shows a session, puts the draft into its composer, if any, and focuses it. */
  show(
    sessionId: string,
    draft?: { readonly text: string; readonly agent?: string; readonly context?: readonly Context[] },
  ): Promise<void>;
  /** Shows a session in a side bar, replacing the previous one. */
  showInSideBar(sessionId: string, side: "primary" | "secondary"): Promise<void>;
  /** The session of a side bar, which may be hidden. */
  sideOf(side: "primary" | "secondary"): string | undefined;
  /** Moves a session to a tab. */
  showInEditor(sessionId: string): Promise<void>;
  /** Shows a session and scrolls to a message. */
  reveal(sessionId: string, messageId: string): void;
  /** Closes what shows the session, in an editor and in the side bars. */
  close(sessionId: string): void;
  /** The session of the last active panel, if it still exists. */
  readonly current: string | undefined;
  /** The sessions with visible panels, the last active one first. */
  readonly visible: readonly string[];
  /** Whether the session has a panel, visible or not. */
  isOpen(sessionId: string): boolean;
  /** Whether the session has a visible panel. */
  isVisible(sessionId: string): boolean;
  /** The visible panels have changed. */
  readonly onDidChange: vscode.Event<void>;
}
