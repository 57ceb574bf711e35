/** Shows a question for permission in full: a change in the diff editor, everything else as a read-only document. */
import * as vscode from "vscode";
import { sidesOf } from "./changes/patch";
import { besidePanels } from "./panel/places";
import type { OpenQuestion } from "./protocol";

const SCHEME = "sessionls-question";
const MAX_DOCUMENTS = 50;
const HEADER = /^\+\+\+ (?:b\/)?([^\t\n]+)/m;
const OLD_HEADER = /^--- (?:a\/)?([^\t\n]+)/m;

export class QuestionDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly subscription = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  dispose(): void {
    this.subscription.dispose();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "This question is no longer open.\n";
  }

  async show({ requestId, summary, detail = "" }: OpenQuestion): Promise<void> {
    const title = `Question: ${summary}`;
    const file = fileOf(detail);
    if (file === undefined) {
      const document = await vscode.workspace.openTextDocument(this.document(requestId, "question.txt", detail));
      await vscode.window.showTextDocument(document, { viewColumn: besidePanels() });
      return;
    }
    const { before, after } = sidesOf(detail, await textOf(file));
    const name = file.slice(file.lastIndexOf("/") + 1);
    const sides = [this.document(requestId, `before/${name}`, before), this.document(requestId, `after/${name}`, after)];
    await vscode.commands.executeCommand("vscode.diff", ...sides, title, { preview: true, viewColumn: besidePanels() });
  }

  private document(requestId: string, name: string, text: string): vscode.Uri {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${requestId}/${name}` });
    this.texts.set(uri.toString(), text);
    for (const old of this.texts.keys()) {
      if (this.texts.size <= MAX_DOCUMENTS) break;
      this.texts.delete(old);
    }
    return uri;
  }
}

/** The file of a diff; undefined if it is not a diff. */
function fileOf(detail: string): string | undefined {
  if (!/^@@ -\d/m.test(detail)) return undefined;
  const [made, old] = [HEADER, OLD_HEADER].map((header) => header.exec(detail)?.[1]);
  return made === "/dev/null" || made === undefined ? old : made;
}

/** The current text of the file, in the first folder that contains it. */
async function textOf(file: string): Promise<string | undefined> {
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    const uri = vscode.Uri.joinPath(folder.uri, file);
    if (vscode.workspace.getWorkspaceFolder(uri) === undefined) continue;
    try {
      return (await vscode.workspace.openTextDocument(uri)).getText();
    } catch {
      // Try the next folder.
    }
  }
  return undefined;
}
