/** VS Code's information about a document that was attached to a message. */
import * as vscode from "vscode";
import type { Range } from "../protocol";
import type { Documents, UriLike } from "./references";

export const editorDocuments: Documents = {
  async readerOf(uri) {
    const resolved = vscodeUri(uri);
    if (resolved.scheme === "untitled") return "server";
    if (resolved.scheme !== "file") return "editor";
    try {
      const { type } = await vscode.workspace.fs.stat(resolved);
      if ((type & vscode.FileType.Directory) !== 0) return "none";
    } catch {
      // If it does not exist, the server reports that. It may also be open and not saved yet.
    }
    // The server reads nothing outside the workspace, so attachments from there are sent as text.
    return vscode.workspace.getWorkspaceFolder(resolved) === undefined ? "editor" : "server";
  },
  async read(uri, range) {
    const document = await vscode.workspace.openTextDocument(vscodeUri(uri));
    return document.getText(range && vscodeRange(range));
  },
  name(uri) {
    return vscode.workspace.asRelativePath(vscodeUri(uri));
  },
};

function vscodeUri(uri: UriLike): vscode.Uri {
  return uri instanceof vscode.Uri ? uri : vscode.Uri.parse(uri.toString());
}

export function vscodeRange({ start, end }: Range): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}
