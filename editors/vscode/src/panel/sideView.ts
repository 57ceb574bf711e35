/** A view in a side bar that shows one session, and restores it after a reload of the window. */
import * as vscode from "vscode";
import { emptyPage } from "./page";
import type { Surface } from "./surface";

/** The ids of the views in side bars. */
export const SIDES = { primary: "sessionls.side", secondary: "sessionls.secondary" } as const;
export type Side = keyof typeof SIDES;

/** The commands in the view without a session. */
const COMMANDS = ["session.openInSecondarySideBar", "session.new"];

export class SideView implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined;
  private shown: SideSurface | undefined;
  private readonly subscription: vscode.Disposable;

  constructor(
    private readonly side: Side,
    private readonly dist: vscode.Uri,
    private readonly memory: vscode.Memento,
    /** Shows the session. */
    private readonly adopt: (sessionId: string, surface: Surface) => void,
  ) {
    this.subscription = vscode.window.registerWebviewViewProvider(SIDES[side], this);
    this.updateContextKey();
  }

  dispose(): void {
    this.subscription.dispose();
  }

  get sessionId(): string | undefined {
    return this.memory.get<string>(this.key);
  }

  /** Shows a session, replacing the previous one. */
  async show(sessionId: string): Promise<void> {
    const before = this.shown;
    this.shown = undefined; // so that disposing it does not hide the view
    before?.close();
    await this.memory.update(this.key, sessionId);
    this.updateContextKey();
    if (this.view !== undefined) this.fill(this.view, sessionId);
    await this.focus();
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    view.onDidDispose(() => {
      if (this.view === view) this.view = undefined;
      this.shown?.viewDisposed();
      this.shown = undefined;
    });
    const { sessionId } = this;
    if (sessionId !== undefined) this.fill(view, sessionId);
    else this.clear();
  }

  /** Shows the page without a session. The view stays visible, because VS Code would not show it again in an empty side bar. */
  private clear(): void {
    const { view } = this;
    if (view === undefined) return;
    view.title = "Session";
    view.webview.options = { enableCommandUris: COMMANDS, localResourceRoots: [this.dist] };
    view.webview.html = emptyPage(view.webview, this.dist);
  }

  private fill(view: vscode.WebviewView, sessionId: string): void {
    const surface = new SideSurface(
      view,
      () => void this.focus(),
      () => {
        if (this.shown !== surface) return;
        this.shown = undefined;
        void this.memory.update(this.key, undefined);
        this.updateContextKey();
        this.clear();
      },
    );
    this.shown = surface;
    this.adopt(sessionId, surface);
  }

  /** Stops showing that session, if the view shows it. */
  forget(sessionId: string): void {
    if (this.sessionId !== sessionId) return;
    this.shown?.close();
    void this.memory.update(this.key, undefined);
    this.updateContextKey();
  }

  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${SIDES[this.side]}.focus`);
  }

  private updateContextKey(): void {
    void vscode.commands.executeCommand("setContext", `${SIDES[this.side]}.shown`, this.sessionId !== undefined);
  }

  private get key(): string {
    return `session in ${SIDES[this.side]}`;
  }
}

class SideSurface implements Surface {
  private readonly didClose = new vscode.EventEmitter<void>();
  private ended = false;

  readonly viewColumn = undefined;
  readonly onDidClose = this.didClose.event;
  readonly onDidChangeVisibility: vscode.Event<void>;

  constructor(
    private readonly view: vscode.WebviewView,
    private readonly focus: () => void,
    private readonly closed: () => void,
  ) {
    this.onDidChangeVisibility = view.onDidChangeVisibility;
  }

  get webview(): vscode.Webview {
    return this.view.webview;
  }

  get visible(): boolean {
    return this.view.visible && !this.ended;
  }

  setTitle(title: string): void {
    this.view.title = title;
  }

  reveal(): void {
    this.focus();
  }

  close(): void {
    if (this.ended) return;
    this.closed();
    this.viewDisposed();
  }

  /** VS Code disposed the view. The session is shown again with the view. */
  viewDisposed(): void {
    if (this.ended) return;
    this.ended = true;
    this.didClose.fire();
  }
}
