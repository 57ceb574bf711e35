/** Manages the panels: each session in one tab or one side bar, restored after a reload of the window. */
import * as vscode from "vscode";
import { chipOf } from "../context";
import { isEmpty } from "../emptySessions";
import { displayTitle } from "../format";
import type { Context } from "../protocol";
import type { PageState } from "./messages";
import type { Panels } from "./openPanels";
import { SessionPanel } from "./panel";
import type { PanelServices } from "./services";
import { anotherColumn, SESSION_VIEW } from "./places";
import { SideView, type Side } from "./sideView";
import { Tab, type Surface } from "./surface";

export class SessionPanels implements Panels, vscode.WebviewPanelSerializer<PageState>, vscode.Disposable {
  private readonly panels = new Map<string, SessionPanel>();
  private readonly dist: vscode.Uri;
  private readonly services: PanelServices;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly sides: Readonly<Record<Side, SideView>>;
  /** Sessions that are being moved between a tab and a side bar. */
  private readonly moving = new Set<string>();
  private last: string | undefined;

  readonly onDidChange = this.changed.event;

  /** `memory` is the state of this workspace. */
  constructor(extension: vscode.Uri, memory: vscode.Memento, services: Omit<PanelServices, "show" | "focused">) {
    this.dist = vscode.Uri.joinPath(extension, "dist");
    this.services = {
      ...services,
      show: (sessionId, draft) => void this.show(sessionId, draft),
      focused: (sessionId) => {
        if (this.last === sessionId || !this.panels.has(sessionId)) return;
        this.last = sessionId;
        this.changed.fire();
      },
    };
    const side = (which: Side): SideView =>
      new SideView(which, this.dist, memory, (sessionId, surface) => {
        this.panels.get(sessionId)?.surface.close();
        this.adopt(sessionId, surface);
      });
    this.sides = { primary: side("primary"), secondary: side("secondary") };
  }

  dispose(): void {
    for (const side of Object.values(this.sides)) side.dispose();
    for (const { surface } of [...this.panels.values()]) if (surface instanceof Tab) surface.close();
    this.changed.dispose();
  }

  async show(
    sessionId: string,
    draft?: { readonly text: string; readonly agent?: string; readonly context?: readonly Context[] },
  ): Promise<void> {
    const shown = (await this.revealExisting(sessionId)) ?? this.create(sessionId);
    const { context, ...rest } = draft ?? { text: "" };
    shown.compose({ ...rest, chips: (context ?? []).map(chipOf) });
  }

  reveal(sessionId: string, messageId: string): void {
    void this.revealExisting(sessionId).then((known) => {
      (known ?? this.create(sessionId)).reveal(messageId);
    });
  }

  async showInSideBar(sessionId: string, side: Side): Promise<void> {
    const panel = this.panels.get(sessionId);
    if (panel !== undefined && this.sides[side].sessionId === sessionId) panel.surface.reveal();
    else await this.move(sessionId, () => this.sides[side].show(sessionId));
    this.panels.get(sessionId)?.compose({ text: "", chips: [] });
  }

  async showInEditor(sessionId: string): Promise<void> {
    if (!(this.panels.get(sessionId)?.surface instanceof Tab)) {
      await this.move(sessionId, () => {
        this.create(sessionId);
        return Promise.resolve();
      });
    }
    await this.show(sessionId);
  }

  sideOf(side: Side): string | undefined {
    return this.sides[side].sessionId;
  }

  isOpen(sessionId: string): boolean {
    return this.panels.has(sessionId) || Object.values(this.sides).some((side) => side.sessionId === sessionId);
  }

  isVisible(sessionId: string): boolean {
    return this.panels.get(sessionId)?.surface.visible ?? false;
  }

  get current(): string | undefined {
    return this.last;
  }

  get visible(): readonly string[] {
    const ids = [...this.panels].filter(([, { surface }]) => surface.visible).map(([id]) => id);
    return ids.sort((one, other) => Number(other === this.last) - Number(one === this.last));
  }

  /** VS Code restores a panel after a reload. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: PageState | undefined): Promise<void> {
    if (state === undefined || typeof state.sessionId !== "string" || this.isOpen(state.sessionId)) panel.dispose();
    else this.adopt(state.sessionId, new Tab(panel));
    return Promise.resolve();
  }

  /** Reveals the panel of a session, if there is one. */
  private async revealExisting(sessionId: string): Promise<SessionPanel | undefined> {
    const known = this.panels.get(sessionId);
    known?.surface.reveal();
    if (known !== undefined) return known;
    // A side bar creates its page when it is first opened.
    const side = Object.values(this.sides).find((view) => view.sessionId === sessionId);
    await side?.focus();
    return this.panels.get(sessionId);
  }

  close(sessionId: string): void {
    this.panels.get(sessionId)?.surface.close();
    for (const side of Object.values(this.sides)) side.forget(sessionId);
  }

  /** Moves the session: an empty session must not be deleted while it has no panel for a moment. */
  private async move(sessionId: string, show: () => Promise<void>): Promise<void> {
    this.moving.add(sessionId);
    try {
      this.close(sessionId);
      await show();
    } finally {
      this.moving.delete(sessionId);
    }
  }

  private create(sessionId: string): SessionPanel {
    const session = this.services.sessions.store.session(sessionId);
    const title = session === undefined ? "Session" : displayTitle(session);
    const panel = vscode.window.createWebviewPanel(SESSION_VIEW, title, this.column(), { enableScripts: true });
    return this.adopt(sessionId, new Tab(panel));
  }

  /** The column of the other panels, or one where it covers no document. */
  private column(): vscode.ViewColumn {
    const tabs = [...this.panels.values()].map(({ surface }) => surface);
    const other = tabs.find(({ visible, viewColumn }) => visible && viewColumn !== undefined)?.viewColumn;
    return other ?? (vscode.window.activeTextEditor === undefined ? vscode.ViewColumn.Active : anotherColumn());
  }

  /** Deletes an empty session when its panel closes, unless it has a draft or somebody else has it open. */
  private async discardEmpty(sessionId: string): Promise<void> {
    const { sessions, drafts, api } = this.services;
    const session = sessions.store.session(sessionId);
    if (session === undefined || !isEmpty(session) || drafts.get(sessionId) !== undefined || !api.ready) return;
    if (this.isOpen(sessionId) || this.moving.has(sessionId)) return;
    try {
      const now = await api.request("session/open", { sessionId, limit: 1 });
      await api.request("session/close", { sessionId });
      if (isEmpty(now.session) && now.participants.length <= 1 && !this.isOpen(sessionId)) await sessions.delete(sessionId);
    } catch {
      // It stays as an unlisted session.
    }
  }

  private adopt(sessionId: string, surface: Surface): SessionPanel {
    const panel = new SessionPanel(sessionId, surface, this.dist, this.services);
    this.panels.set(sessionId, panel);
    const active = (): boolean => surface instanceof Tab && surface.panel.active;
    if (active()) this.last = sessionId;
    surface.onDidChangeVisibility(() => {
      if (active()) this.last = sessionId;
      this.changed.fire();
    });
    surface.onDidClose(() => {
      if (this.panels.get(sessionId) === panel) this.panels.delete(sessionId);
      if (this.last === sessionId) this.last = undefined;
      panel.dispose();
      this.changed.fire();
      void this.discardEmpty(sessionId);
    });
    this.changed.fire();
    return panel;
  }
}
