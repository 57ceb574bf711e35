/** Opens what a message points to. Nothing that an agent wrote can do more than show a document or, after VS Code's own question, a page. */
import * as vscode from "vscode";
import { placeOf } from "./links";

const SCHEMES = new Set(["file", "untitled", "sessionls", "vscode-remote"]);

/** The type of the panels that show sessions. */
export const SESSION_VIEW = "sessionls.session";

/** So many files of the same name are offered. */
const FOUND = 50;

export async function openPlace(address: string, line?: number, endLine?: number): Promise<void> {
  const uri = vscode.Uri.parse(address);
  if (!SCHEMES.has(uri.scheme)) return;
  try {
    await showAt(uri, line, endLine);
  } catch {
    void vscode.window.showWarningMessage(
      `${vscode.workspace.asRelativePath(uri)} cannot be opened: it no longer exists, or is not text.`,
    );
  }
}

/** A link in Markdown: a page of the web, or a path in the workspace such as `src/read.py#L12` or `src/read.py:12`. */
export async function openLink(href: string): Promise<void> {
  if (/^(https?|mailto):/i.test(href)) {
    await vscode.env.openExternal(vscode.Uri.parse(href));
    return;
  }
  const link = placeOf(href);
  if (link === undefined) return;
  const { path, line, endLine } = link;
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    const whole = path.startsWith("/") ? [folder.uri.with({ path })] : [];
    for (const uri of [...whole, vscode.Uri.joinPath(folder.uri, path)]) {
      // Out of the workspace leads no link.
      if (vscode.workspace.getWorkspaceFolder(uri) === undefined) continue;
      try {
        await showAt(uri, line, endLine ?? line);
        return;
      } catch {
        // Perhaps it is elsewhere.
      }
    }
  }
  const found = await named(path);
  if (found === undefined) vscode.window.setStatusBarMessage(`There is no ${path} in this workspace.`, 5000);
  else if (found !== "none") await showAt(found, line, endLine ?? line);
}

/** Programs name files from where they run: `test_orders.py:14` may stand in a folder further down. `none`: the person picked none. */
async function named(path: string): Promise<vscode.Uri | undefined | "none"> {
  if (path.startsWith("/") || /[*?[\]{}]/.test(path)) return undefined;
  const found = await vscode.workspace.findFiles(`**/${path.replace(/^\.\//, "")}`, undefined, FOUND);
  if (found.length < 2) return found[0];
  const items = found
    .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
    .sort((one, other) => (one.label < other.label ? -1 : 1));
  return (await vscode.window.showQuickPick(items, { title: `Open ${path}`, placeHolder: "File" }))?.uri ?? "none";
}

async function showAt(uri: vscode.Uri, line?: number, endLine?: number): Promise<void> {
  const document = await vscode.workspace.openTextDocument(uri);
  const selection =
    line === undefined ? undefined : document.validateRange(new vscode.Range(line, 0, endLine ?? line, Number.MAX_SAFE_INTEGER));
  await vscode.window.showTextDocument(document, { viewColumn: besidePanels(), ...(selection && { selection }) });
}

/** Where a document is shown so that it covers no session: with other documents, else in another column. */
export function besidePanels(): vscode.ViewColumn {
  const shown = vscode.window.visibleTextEditors.find((editor) => editor.viewColumn !== undefined)?.viewColumn;
  const { all, activeTabGroup } = vscode.window.tabGroups;
  if (shown !== undefined) return shown;
  if (activeTabGroup.activeTab === undefined) return vscode.ViewColumn.Active;
  return all.find((group) => !showsSession(group))?.viewColumn ?? anotherColumn();
}

/** A column beside the active one. A new one is made only where there is one alone: nobody reads three. */
export function anotherColumn(): vscode.ViewColumn {
  const { all, activeTabGroup } = vscode.window.tabGroups;
  return all.find((group) => group !== activeTabGroup)?.viewColumn ?? vscode.ViewColumn.Beside;
}

function showsSession({ activeTab }: vscode.TabGroup): boolean {
  // VS Code puts a word of its own before the type.
  return activeTab?.input instanceof vscode.TabInputWebview && activeTab.input.viewType.endsWith(SESSION_VIEW);
}
