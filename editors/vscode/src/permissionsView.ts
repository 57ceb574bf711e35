/** A view that lists the person's permanent permissions and removes them. It is hidden until it is opened by its command. */
import * as vscode from "vscode";
import type { Api } from "./api";
import { problemOf } from "./problem";
import type { KeptPermission } from "./protocol";
import type { Readiness } from "./readiness";
import { ago } from "./relativeTime";

const VIEW = "sessionls.permissions";
const ICONS = { read: "eye", write: "edit", execute: "terminal", network: "globe" } as const;

export class PermissionsView implements vscode.TreeDataProvider<KeptPermission>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly view: vscode.TreeView<KeptPermission>;
  private readonly registered: vscode.Disposable;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly api: Api,
    private readonly readiness: Readiness,
  ) {
    this.view = vscode.window.createTreeView(VIEW, { treeDataProvider: this });
    this.registered = vscode.Disposable.from(
      this.view,
      this.changed,
      // Another window or a terminal may have added or removed some.
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) this.refresh();
      }),
      api.onConnected(() => {
        this.refresh();
      }),
      vscode.commands.registerCommand("session.permissions", () => this.show()),
      vscode.commands.registerCommand("session.removePermission", (permission?: KeptPermission) => this.remove(permission)),
    );
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(): Promise<KeptPermission[]> {
    try {
      await this.readiness.wait();
      const { permissions } = await this.api.request("permission/list", {});
      this.view.message = permissions.length === 0 ? "None. Agents ask each time, or according to your settings." : "";
      return [...permissions];
    } catch (error) {
      this.view.message = problemOf(error).text;
      return [];
    }
  }

  getTreeItem(permission: KeptPermission): vscode.TreeItem {
    const { id, scope, folder, risk, createdAt } = permission;
    const item = new vscode.TreeItem(scope);
    item.id = id;
    item.description = folder === undefined ? "in all folders" : `in ${nameOf(vscode.Uri.parse(folder))}`;
    item.tooltip = `${scope}\n${item.description}\nAllowed ${ago(createdAt, Date.now())}`;
    item.iconPath = new vscode.ThemeIcon(ICONS[risk]);
    item.contextValue = "permission";
    return item;
  }

  dispose(): void {
    this.registered.dispose();
  }

  private async show(): Promise<void> {
    await vscode.commands.executeCommand("setContext", `${VIEW}.shown`, true);
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.refresh();
  }

  /** Without an argument: the selected one, for the key. */
  private async remove(permission = this.view.selection[0]): Promise<void> {
    if (permission === undefined) return;
    try {
      await this.readiness.waitWithProgress();
      await this.api.request("permission/remove", { permissionId: permission.id });
    } catch (error) {
      void vscode.window.showErrorMessage(problemOf(error).text);
    }
    this.refresh();
  }
}

/** The name of an open folder, else the path. */
function nameOf(folder: vscode.Uri): string {
  const open = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.toString() === folder.toString());
  return open?.name ?? folder.fsPath;
}
