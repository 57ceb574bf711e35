/** The view of sessions in the activity bar. */
import * as vscode from "vscode";
import { inNeed, needOf, needText } from "./attention";
import { isEmpty } from "./emptySessions";
import { displayTitle } from "./format";
import { groupsOf, type Group, type Grouping } from "./grouping";
import type { Panels } from "./panel/openPanels";
import type { Pins } from "./pins";
import type { Session } from "./protocol";
import type { Sessions } from "./sessions";
import { ago, UPDATE_INTERVAL } from "./relativeTime";
import { accessText, descriptionOf, iconOf, displayState, stateText, treeOf, type Node, type DisplayState } from "./sessionTree";
import { markDone } from "./walkthrough";

/** The scheme of the URIs of rows, which are only used for decorations. */
const SCHEME = "sessionls-row";
const COLORS: Partial<Readonly<Record<DisplayState, string>>> = {
  asks: "list.warningForeground",
  interrupted: "list.warningForeground",
  failed: "list.errorForeground",
  archived: "disabledForeground",
};

/** The mark of a session in which a reply has ended unseen. */
const UNSEEN = "unseen";

/** The row below the last known session, if there are more. */
const MORE = "more";
type Row = Node | Group | typeof MORE;

export class SessionsView implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly view: vscode.TreeView<Row>;
  private readonly subscriptions: { dispose(): unknown }[] = [];
  /** Sessions in which a reply has ended that no panel has shown. */
  private readonly unseen = new Set<string>();
  private readonly wereReplying = new Set<string>();
  private roots: readonly (Node | Group)[] | undefined;
  private filter = "";
  private archived = false;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly sessions: Sessions,
    private readonly panels: Panels,
    /** Whether a session has an unsent draft. */
    private readonly hasDraft: (sessionId: string) => boolean,
    private readonly pins: Pins,
  ) {
    this.view = vscode.window.createTreeView("sessionls.sessions", {
      treeDataProvider: this,
      showCollapseAll: true,
      canSelectMany: true,
    });
    const timer = setInterval(() => {
      if (!this.view.visible) return;
      this.roots = undefined; // the groups by date change at midnight
      this.changed.fire();
    }, UPDATE_INTERVAL);
    this.subscriptions.push(
      this.view,
      this.changed,
      new vscode.Disposable(() => {
        clearInterval(timer);
      }),
      sessions.store.onDidChangeList(() => {
        this.refresh();
      }),
      sessions.onError(() => {
        this.refresh();
      }),
      panels.onDidChange(() => {
        this.refresh();
      }),
      pins.onDidChange(() => {
        this.refresh();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("sessionls.sessions.groupBy")) this.refresh();
      }),
      vscode.window.registerFileDecorationProvider({ provideFileDecoration: decorationOf }),
    );
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** Shows only sessions with all these words in their title or agent; all sessions without words. */
  setFilter(filter: string): void {
    this.filter = filter.trim();
    void vscode.commands.executeCommand("setContext", "sessionls.filtered", this.filter !== "");
    this.refresh();
  }

  get filterText(): string {
    return this.filter;
  }

  /** Shows archived sessions among the others, dimmed. */
  showArchived(shown: boolean): void {
    this.archived = shown;
    void vscode.commands.executeCommand("setContext", "sessionls.archivedShown", shown);
    this.refresh();
  }

  /** The last ended reply was seen outside a panel. */
  seen(sessionId: string): void {
    this.wereReplying.delete(sessionId);
    if (this.unseen.delete(sessionId)) this.refresh();
  }

  /** The sessions for a key: all selected ones if the focused row is one of them, else only that row. */
  async focused(): Promise<readonly string[]> {
    // VS Code's API only has the selection. The focused row is only known to VS Code's own command.
    const before = this.selected();
    await vscode.commands.executeCommand("list.toggleSelection");
    const after = this.selected();
    const id = [...after].find((one) => !before.has(one)) ?? [...before].find((one) => !after.has(one));
    const node = id === undefined ? undefined : this.node(id);
    if (id !== undefined && before.size > 1 && before.has(id)) {
      await vscode.commands.executeCommand("list.toggleSelection");
      return [...before].filter((one) => this.node(one) !== undefined);
    }
    if (node !== undefined) await this.view.reveal(node, { select: true, focus: true });
    return node === undefined ? [] : [node.session.id];
  }

  private selected(): ReadonlySet<string> {
    return new Set(this.view.selection.map((row) => (row === MORE ? MORE : "session" in row ? row.session.id : row.key)));
  }

  private node(id: string, among: readonly Row[] = this.getChildren()): Node | undefined {
    for (const row of among) {
      if (row === MORE) continue;
      if (!("session" in row)) {
        const found = this.node(id, row.nodes);
        if (found !== undefined) return found;
        continue;
      }
      const found = row.session.id === id ? row : this.node(id, row.forks);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private get grouping(): Grouping {
    return vscode.workspace.getConfiguration("sessionls").get<Grouping>("sessions.groupBy", "date");
  }

  getChildren(row?: Row): Row[] {
    if (row === MORE) return [];
    if (row !== undefined) return "session" in row ? [...row.forks] : [...row.nodes];
    if (this.roots === undefined) {
      const nodes = treeOf(this.listed(), this.filter, this.archived);
      this.roots = groupsOf(nodes, this.grouping, this.pins.ids, Date.now()) ?? nodes;
    }
    return this.sessions.listHasMore ? [...this.roots, MORE] : [...this.roots];
  }

  getParent(row: Row): Row | undefined {
    if (row === MORE || !("session" in row)) return undefined;
    return row.parent ?? this.roots?.find((root) => !("session" in root) && root.nodes.includes(row));
  }

  getTreeItem(row: Row): vscode.TreeItem {
    return row === MORE ? more() : "session" in row ? this.item(row) : heading(row);
  }

  private item(node: Node): vscode.TreeItem {
    const { session } = node;
    const showing = displayState(session);
    const state = node.forks.length > 0 ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.None;
    const item = new vscode.TreeItem(displayTitle(session), state);
    // VS Code keeps a node with the same id collapsed when it gets its first fork, but shows a new node expanded.
    item.id = node.forks.length > 0 ? `${session.id} and forks` : session.id;
    item.description = descriptionOf(session, Date.now());
    const icon = iconOf(session, node.parent !== undefined);
    const color = COLORS[showing];
    item.iconPath = new vscode.ThemeIcon(icon, color === undefined ? undefined : new vscode.ThemeColor(color));
    // The description of a long title is cut off, its decoration never.
    const mark = showing === "archived" ? showing : (needOf(session) ?? (this.unseen.has(session.id) ? UNSEEN : undefined));
    if (mark !== undefined) item.resourceUri = vscode.Uri.from({ scheme: SCHEME, path: `/${session.id}`, query: mark });
    item.contextValue = `session.${showing}${this.pins.ids.has(session.id) ? " pinned" : ""}`;
    item.command = { command: "session.open", title: "Open", arguments: [node] };
    item.tooltip = tooltip(node);
    const fork = node.parent === undefined ? "" : `, forked from ${node.parent.session.title}`;
    item.accessibilityInformation = {
      label:
        [session.title, mark === UNSEEN ? "new reply" : "", descriptionOf(session, Date.now()), accessText(session)]
          .filter(Boolean)
          .join(", ") + fork,
    };
    return item;
  }

  /** An empty session is only listed if it has a draft and no panel. */
  private listed(): readonly Session[] {
    const shown = ({ id }: Session): boolean => this.hasDraft(id) && !this.panels.isOpen(id);
    return this.sessions.store.sessions.filter((session) => !isEmpty(session) || shown(session));
  }

  private refresh(): void {
    this.roots = undefined;
    this.watchReplies();
    this.updateBadge();
    const all = this.listed();
    if (all.length > 0) markDone("session");
    const none = !this.getChildren().some((row) => row !== MORE);
    // VS Code shows a message instead of the welcome content.
    this.view.message = this.filter === "" ? "" : none ? `No session matches “${this.filter}”.` : `Filtered: ${this.filter}`;
    const setContext = (key: string, value: boolean): void => {
      void vscode.commands.executeCommand("setContext", `sessionls.${key}`, value);
    };
    // First whether there are sessions: else the view would say for a moment that there are none.
    setContext(
      "hasSessions",
      all.some((one) => one.state !== "archived"),
    );
    setContext("listFailed", this.sessions.listFailed);
    setContext("listed", this.sessions.listed);
    this.changed.fire();
  }

  /** Remembers replies that end while no panel shows their session. */
  private watchReplies(): void {
    for (const { id, replying } of this.sessions.store.sessions) {
      if (replying) this.wereReplying.add(id);
      else if (this.wereReplying.delete(id) && !this.panels.isVisible(id)) this.unseen.add(id);
    }
    for (const id of this.unseen)
      if (this.panels.isVisible(id) || this.sessions.store.session(id) === undefined) this.unseen.delete(id);
  }

  /** The badge at the view's icon counts the sessions that need the person, until that is settled. */
  private updateBadge(): void {
    const { length } = inNeed(this.sessions.store.sessions);
    this.view.badge = length === 0 ? undefined : { value: length, tooltip: needText(length) };
  }
}

function heading({ key, label, nodes }: Group): vscode.TreeItem {
  // Groups of older sessions are collapsed.
  const open = key !== "older" && key !== "archived";
  const { Expanded, Collapsed } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(label, open ? Expanded : Collapsed);
  item.id = `group ${key}`;
  item.description = String(nodes.length);
  item.contextValue = "group";
  item.accessibilityInformation = { label: `${label}, ${nodes.length === 1 ? "1 session" : `${nodes.length} sessions`}` };
  return item;
}

function more(): vscode.TreeItem {
  const item = new vscode.TreeItem("Show More");
  item.id = MORE;
  item.iconPath = new vscode.ThemeIcon("ellipsis");
  item.command = { command: "session.showMore", title: "Show More" };
  return item;
}

function decorationOf({ scheme, query }: vscode.Uri): vscode.FileDecoration | undefined {
  if (scheme !== SCHEME) return undefined;
  if (query === "archived") return { color: new vscode.ThemeColor("disabledForeground") };
  if (query === UNSEEN) return { badge: "●", tooltip: "A reply has ended that you have not seen" };
  const color = query === "failed" ? "list.errorForeground" : "list.warningForeground";
  return { badge: "!", tooltip: `Needs you: ${query}`, color: new vscode.ThemeColor(color) };
}

function tooltip({ session, parent }: Node): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown("**").appendText(session.title).appendMarkdown("**\n\n");
  const lines = [
    `Agent: ${session.agent}${session.model === undefined ? "" : ` (${session.model})`}`,
    `State: ${stateText(session) || "idle"}`,
    ...(session.asking ?? []).map(({ agent, summary }) => `Permission: ${agent} asks: ${summary}`),
    `Messages: ${session.messageCount}`,
    ...(accessText(session) === "" ? [] : [`Access: ${accessText(session)}`]),
    `Participants: ${session.participants.map((one) => one.name).join(", ") || "none"}`,
    ...(session.present === undefined ? [] : [`Open now: ${session.present.map((one) => one.name).join(", ")}`]),
    `Changed: ${ago(session.updatedAt, Date.now())}`,
    ...(parent === undefined ? [] : [`Forked from: ${parent.session.title}`]),
  ];
  for (const line of lines) text.appendText(line).appendMarkdown("\n\n");
  return text;
}
