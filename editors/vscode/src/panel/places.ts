/** Opens what a message points to. Nothing that an agent wrote can do more than show a document or, after VS Code's own question, a page. */
import * as vscode from "vscode";

const SCHEMES = new Set(["file", "untitled", "sessionls", "vscode-remote"]);

export async function openPlace(address: string, line?: number, endLine?: number): Promise<void> {
  const uri = vscode.Uri.parse(address);
  if (!SCHEMES.has(uri.scheme)) return;
  try {
    await showAt(uri, line, endLine);
  } catch {
    void vscode.window.showWarningMessage(
      `${vscode.workspace.asRelativePath(uri)} cannot be opened: it is not there any more, or is no text.`,
    );
  }
}

/** A link in Markdown: a page of the web, or a path in the workspace such as `src/read.py#L12` or `src/read.py:12`. */
export async function openLink(href: string): Promise<void> {
  if (/^(https?|mailto):/i.test(href)) {
    await vscode.env.openExternal(vscode.Uri.parse(href));
    return;
  }
  const found = /^(?:file:\/\/)?([^#]+?)(?:#L(\d+)(?:-L?(\d+))?|:(\d+))?$/.exec(href);
  const path = found?.[1];
  if (found === null || path === undefined || /^[a-z][\w+.-]+:/i.test(path)) return;
  const line = number(found[2] ?? found[4]);
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    const uri = path.startsWith(`${folder.uri.path}/`)
      ? folder.uri.with({ path: decoded(path) })
      : vscode.Uri.joinPath(folder.uri, decoded(path));
    // Out of the workspace leads no link.
    if (!uri.path.startsWith(`${folder.uri.path}/`)) continue;
    try {
      await showAt(uri, line, number(found[3]) ?? line);
      return;
    } catch {
      // Perhaps it is in another folder.
    }
  }
  vscode.window.setStatusBarMessage(`There is no ${path} in this workspace.`, 5000);
}

async function showAt(uri: vscode.Uri, line?: number, endLine?: number): Promise<void> {
  const document = await vscode.workspace.openTextDocument(uri);
  const selection =
    line === undefined ? undefined : document.validateRange(new vscode.Range(line, 0, endLine ?? line, Number.MAX_SAFE_INTEGER));
  await vscode.window.showTextDocument(document, { viewColumn: besidePanel(), ...(selection && { selection }) });
}

/** Where documents are shown without covering the panel. */
export function besidePanel(): vscode.ViewColumn {
  const texts = vscode.window.visibleTextEditors.find((editor) => editor.viewColumn !== undefined);
  return texts?.viewColumn ?? vscode.ViewColumn.Beside;
}

function number(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Math.max(0, Number(digits) - 1);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
