/** The container for the page of a session: an editor tab, or a view in a side bar. */
import * as vscode from "vscode";

export interface Surface {
  readonly webview: vscode.Webview;
  readonly visible: boolean;
  /** Only tabs have one. */
  readonly viewColumn: vscode.ViewColumn | undefined;
  readonly onDidChangeVisibility: vscode.Event<void>;
  /** Stops showing the session. */
  readonly onDidClose: vscode.Event<void>;
  setTitle(title: string): void;
  /** Reveals and focuses it. */
  reveal(): void;
  close(): void;
}

export class Tab implements Surface {
  private readonly changed = new vscode.EventEmitter<void>();

  readonly onDidChangeVisibility = this.changed.event;
  readonly onDidClose: vscode.Event<void>;

  constructor(readonly panel: vscode.WebviewPanel) {
    panel.iconPath = new vscode.ThemeIcon("comment-discussion");
    panel.onDidChangeViewState(() => {
      this.changed.fire();
    });
    this.onDidClose = panel.onDidDispose;
  }

  get webview(): vscode.Webview {
    return this.panel.webview;
  }

  get visible(): boolean {
    return this.panel.visible;
  }

  get viewColumn(): vscode.ViewColumn | undefined {
    return this.panel.viewColumn;
  }

  setTitle(title: string): void {
    this.panel.title = title;
  }

  reveal(): void {
    this.panel.reveal();
  }

  close(): void {
    this.panel.dispose();
  }
}
