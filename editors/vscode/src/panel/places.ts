/** Opens link targets in messages. A link can only show a document or, after VS Code's own question, a web page. */
import * as vscode from "vscode";
import { placeOf } from "./links";

const SCHEMES = new Set(["file", "untitled", "sessionls", "vscode-remote"]);

/** The view type of session panels. */
export const SESSION_VIEW = "sessionls.session";

/** The maximum number of files with the same name to choose from. */
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

/** Opens a link: a web page, or a path in the workspace such as `src/read.py#L12` or `src/read.py:12`. */
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
      // Links cannot lead out of the workspace.
      if (vscode.workspace.getWorkspaceFolder(uri) === undefined) continue;
      try {
        await showAt(uri, line, endLine ?? line);
        return;
      } catch {
        // Try the next folder.
      }
    }
  }
  const found = await findByPathEnd(path);
  if (found === undefined) vscode.window.setStatusBarMessage(`${path} does not exist in this workspace.`, 5000);
  else if (found !== "none") await showAt(found, line, endLine ?? line);
}

/** Finds a file by the end of its path, because programs print paths relative to their folder. `none`: the person cancelled. */
async function findByPathEnd(path: string): Promise<vscode.Uri | undefined | "none"> {
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

/** A column for a document in which it covers no session: with other documents, or another column. */
export function besidePanels(): vscode.ViewColumn {
  const shown = vscode.window.visibleTextEditors.find((editor) => editor.viewColumn !== undefined)?.viewColumn;
  const { all, activeTabGroup } = vscode.window.tabGroups;
  if (shown !== undefined) return shown;
  if (activeTabGroup.activeTab === undefined) return vscode.ViewColumn.Active;
  return all.find((group) => !showsSession(group))?.viewColumn ?? anotherColumn();
}

/** Focuses a column for a document, for VS Code's commands that open an editor in the focused column. */
export async function focusBesidePanels(): Promise<void> {
  const column = besidePanels();
  const group = FOCUS[column - 1];
  if (group !== undefined) await vscode.commands.executeCommand(`workbench.action.focus${group}EditorGroup`);
  else if (column === vscode.ViewColumn.Beside) await vscode.commands.executeCommand("workbench.action.newGroupRight");
}

/** How VS Code's commands name the columns. */
const FOCUS = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth"];

/** A column beside the active one. Creates a second column at most. */
export function anotherColumn(): vscode.ViewColumn {
  const { all, activeTabGroup } = vscode.window.tabGroups;
  return all.find((group) => group !== activeTabGroup)?.viewColumn ?? vscode.ViewColumn.Beside;
}

function showsSession({ activeTab }: vscode.TabGroup): boolean {
  // VS Code adds a prefix to the view type.
  return activeTab?.input instanceof vscode.TabInputWebview && activeTab.input.viewType.endsWith(SESSION_VIEW);
}
