/** The panels that are open: one for each session, kept across reloads of the window. */
import * as vscode from "vscode";
import { chipOf } from "../context";
import { isEmpty } from "../emptySessions";
import type { Context } from "../protocol";
import type { Panels } from "./openPanels";
import type { Kept } from "./messages";
import { SessionPanel, type PanelServices } from "./panel";

export const VIEW_TYPE = "sessionls.session";

export class SessionPanels implements Panels, vscode.WebviewPanelSerializer<Kept>, vscode.Disposable {
  private readonly panels = new Map<string, SessionPanel>();
  private readonly dist: vscode.Uri;
  private readonly services: PanelServices;
  private readonly changed = new vscode.EventEmitter<void>();
  private last: string | undefined;

  readonly onDidChange = this.changed.event;

  constructor(extension: vscode.Uri, services: Omit<PanelServices, "show">) {
    this.dist = vscode.Uri.joinPath(extension, "dist");
    this.services = { ...services, show: (sessionId, draft) => void this.show(sessionId, draft) };
  }

  dispose(): void {
    for (const { panel } of [...this.panels.values()]) panel.dispose();
    this.changed.dispose();
  }

  show(
    sessionId: string,
    draft?: { readonly text: string; readonly agent?: string; readonly context?: readonly Context[] },
  ): Promise<void> {
    const known = this.panels.get(sessionId);
    const shown = known ?? this.create(sessionId);
    known?.panel.reveal();
    const { context, ...rest } = draft ?? { text: "" };
    shown.compose({ ...rest, chips: (context ?? []).map(chipOf) });
    return Promise.resolve();
  }

  reveal(sessionId: string, messageId: string): void {
    const known = this.panels.get(sessionId);
    known?.panel.reveal();
    (known ?? this.create(sessionId)).reveal(messageId);
  }

  isOpen(sessionId: string): boolean {
    return this.panels.has(sessionId);
  }

  isVisible(sessionId: string): boolean {
    return this.panels.get(sessionId)?.panel.visible ?? false;
  }

  get current(): string | undefined {
    return this.last;
  }

  get visible(): readonly string[] {
    const ids = [...this.panels].filter(([, { panel }]) => panel.visible).map(([id]) => id);
    return ids.sort((one, other) => Number(other === this.last) - Number(one === this.last));
  }

  /** VS Code brings a panel back after a reload. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: Kept | undefined): Promise<void> {
    if (state === undefined || typeof state.sessionId !== "string" || this.panels.has(state.sessionId)) panel.dispose();
    else this.adopt(state.sessionId, panel);
    return Promise.resolve();
  }

  private create(sessionId: string): SessionPanel {
    const title = this.services.sessions.store.session(sessionId)?.title ?? "Session";
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, title, this.column(), { enableScripts: true });
    return this.adopt(sessionId, panel);
  }

  /** With the other panels, else where it covers no document. */
  private column(): vscode.ViewColumn {
    const other = [...this.panels.values()].find(({ panel }) => panel.visible)?.panel.viewColumn;
    return other ?? (vscode.window.activeTextEditor === undefined ? vscode.ViewColumn.Active : vscode.ViewColumn.Beside);
  }

  /** A session in which nobody said anything goes with its panel, unless something is written for it, or somebody else is there. */
  private async discardEmpty(sessionId: string): Promise<void> {
    const { sessions, drafts, api } = this.services;
    const session = sessions.store.session(sessionId);
    if (session === undefined || !isEmpty(session) || drafts.of(sessionId) !== undefined || !api.ready) return;
    try {
      const now = await api.request("session/open", { sessionId, limit: 1 });
      await api.request("session/close", { sessionId });
      if (isEmpty(now.session) && now.participants.length <= 1 && !this.panels.has(sessionId)) await sessions.delete(sessionId);
    } catch {
      // It stays, as a session that is not listed.
    }
  }

  private adopt(sessionId: string, panel: vscode.WebviewPanel): SessionPanel {
    const adopted = new SessionPanel(sessionId, panel, this.dist, this.services);
    this.panels.set(sessionId, adopted);
    if (panel.active) this.last = sessionId;
    panel.onDidChangeViewState(() => {
      if (panel.active) this.last = sessionId;
      this.changed.fire();
    });
    panel.onDidDispose(() => {
      this.panels.delete(sessionId);
      if (this.last === sessionId) this.last = undefined;
      adopted.dispose();
      this.changed.fire();
      void this.discardEmpty(sessionId);
    });
    this.changed.fire();
    return adopted;
  }
}
