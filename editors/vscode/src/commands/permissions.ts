/** Lists and removes the person's permanent permissions. */
import * as vscode from "vscode";
import type { KeptPermission } from "../protocol";
import { problemOf } from "../problem";
import type { Services } from "../services";
import { ago } from "../relativeTime";

const REMOVE: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("trash"), tooltip: "Remove" };
const ICONS = { read: "eye", write: "edit", execute: "terminal", network: "globe" } as const;

type Item = vscode.QuickPickItem & { readonly permission?: KeptPermission };

export async function showPermissions({ api }: Services): Promise<void> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = "Permanent Permissions";
  picker.placeholder = "Press Enter or the button to remove a permission";
  picker.matchOnDescription = true;
  picker.ignoreFocusOut = true;
  const list = async (): Promise<void> => {
    const { permissions } = await api.request("permission/list", {});
    picker.items =
      permissions.length === 0
        ? [{ label: "None: agents ask each time, or according to your settings.", alwaysShow: true }]
        : permissions.map(itemOf);
  };
  const remove = async ({ permission }: Item): Promise<void> => {
    if (permission === undefined) return;
    picker.busy = true;
    try {
      await api.request("permission/remove", { permissionId: permission.id });
      await list();
    } catch (error) {
      picker.title = problemOf(error).words;
    }
    picker.busy = false;
  };
  picker.onDidTriggerItemButton(({ item }) => void remove(item));
  picker.onDidAccept(() => {
    const item = picker.activeItems[0] ?? picker.selectedItems[0];
    if (item?.permission !== undefined) void remove(item);
  });
  picker.onDidHide(() => {
    picker.dispose();
  });
  await list();
  picker.show();
}

function itemOf(permission: KeptPermission): Item {
  const { scope, folder, risk, createdAt } = permission;
  return {
    label: `$(${ICONS[risk]}) ${scope}`,
    description: folder === undefined ? "in all folders" : `in ${vscode.workspace.asRelativePath(vscode.Uri.parse(folder))}`,
    detail: `Kept ${ago(createdAt, Date.now())}`,
    buttons: [REMOVE],
    permission,
  };
}
