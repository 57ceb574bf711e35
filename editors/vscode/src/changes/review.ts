/** Changes that agents made to files: listed with their state, shown in VS Code's multi-file diff editor, and reverted. */
import * as vscode from "vscode";
import type { Api } from "../api";
import { problemOf } from "../problem";
import type { Requests } from "../protocol";
import type { ShownChange } from "../panel/messages";
import { focusBesidePanels } from "../panel/places";
import { pairsOf, revertedText } from "./fileChanges";

const SCHEME = "sessionls-before";

/** Which changes: those of a reply, those since a message, or by default those of the whole session. */
export interface Scope {
  readonly sessionId: string;
  readonly messageId?: string;
  readonly since?: string;
}

type Revert = Requests["change/revert"]["params"];

export class ChangeReview implements vscode.TextDocumentContentProvider, vscode.Disposable {
  /** Texts without the changes, by the URI of the open document that shows them. */
  private readonly texts = new Map<string, string>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly api: Api) {
    this.subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === SCHEME) this.texts.delete(uri.toString());
      }),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** The files that a reply changed. */
  async list(scope: Scope): Promise<readonly ShownChange[]> {
    const { files } = await this.api.request("change/list", { ...scope });
    return files.map(({ uri, kind, state, added, removed, notice, hunks }) => ({
      uri,
      kind,
      added,
      removed,
      hunks,
      ...(state !== undefined && { state }),
      ...(notice !== undefined && { notice }),
    }));
  }

  /** Opens a diff of all changed files, without the changes and as they are now. False if there are none. */
  async review(scope: Scope, title: string): Promise<boolean> {
    const { files } = await this.api.request("change/list", { ...scope, texts: true });
    const pairs = pairsOf(files).map(({ uri, before, exists: exists }) => {
      const current = vscode.Uri.parse(uri);
      return [current, before === undefined ? undefined : this.document(scope, uri, before), exists ? current : undefined];
    });
    if (pairs.length === 0) {
      void vscode.window.showInformationMessage("No changes by agents are left to undo here.");
      return false;
    }
    await focusBesidePanels();
    await vscode.commands.executeCommand("vscode.changes", title, pairs);
    return true;
  }

  /** Reverts changes: all in the scope, those of one file, or one hunk. The notification offers to undo this. */
  async revert(scope: Scope, uri?: string, hunk?: string): Promise<void> {
    const result = await this.request({ ...scope, ...(uri !== undefined && { uri }), ...(hunk !== undefined && { hunk }) });
    const choice = await vscode.window.showInformationMessage(revertedText(result.uris, result.notices), "Restore");
    if (choice === "Restore") await this.request({ sessionId: scope.sessionId, revertId: result.revertId });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const known = this.texts.get(uri.toString());
    if (known !== undefined) return known;
    // After a reload of the window.
    try {
      const { scope, uri: file } = JSON.parse(uri.query) as { scope: Scope; uri: string };
      const { files } = await this.api.request("change/list", { ...scope, texts: true });
      return files.find((change) => change.uri === file)?.before ?? "";
    } catch (error) {
      return `This change cannot be shown any more. ${problemOf(error).text}\n`;
    }
  }

  private request(params: Revert): Promise<Requests["change/revert"]["result"]> {
    return this.api.request("change/revert", params);
  }

  private document(scope: Scope, uri: string, text: string): vscode.Uri {
    // A new number each time, because an open document keeps its text. A different path would be shown as a rename.
    const query = JSON.stringify({ scope, uri, at: Date.now() });
    const document = vscode.Uri.from({ scheme: SCHEME, path: vscode.Uri.parse(uri).path, query });
    this.texts.set(document.toString(), text);
    return document;
  }
}
