/** What agents changed in files: listed with what of it stands, reviewed in VS Code's multi-file diff editor, and taken back. */
import * as vscode from "vscode";
import type { Api } from "../api";
import { problemOf } from "../problem";
import type { Requests } from "../protocol";
import type { ShownChange } from "../panel/messages";
import { pairsOf, takenBackText } from "./fileChanges";

const SCHEME = "sessionls-before";

/** Of which changes: those of a reply, those since a message, or without either those of the whole session. */
export interface Scope {
  readonly sessionId: string;
  readonly messageId?: string;
  readonly since?: string;
}

type Revert = Requests["change/revert"]["params"];

export class ChangeReview implements vscode.TextDocumentContentProvider, vscode.Disposable {
  /** Texts without the changes, by the address of the document that shows them, while it is open. */
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
    for (const one of this.subscriptions) one.dispose();
  }

  /** The files that a reply changed. */
  async list(scope: Scope): Promise<readonly ShownChange[]> {
    const { files } = await this.api.request("change/list", { ...scope });
    return files.map(({ uri, kind, state, added, removed, notice }) => ({
      uri,
      kind,
      added,
      removed,
      ...(state !== undefined && { state }),
      ...(notice !== undefined && { notice }),
    }));
  }

  /** Opens all changed files, as they were without the changes and as they are now. False where there are none. */
  async review(scope: Scope, title: string): Promise<boolean> {
    const { files } = await this.api.request("change/list", { ...scope, texts: true });
    const pairs = pairsOf(files).map(({ uri, before, there }) => {
      const now = vscode.Uri.parse(uri);
      return [now, before === undefined ? undefined : this.document(scope, uri, before), there ? now : undefined];
    });
    if (pairs.length === 0) {
      void vscode.window.showInformationMessage("Nothing of what agents changed here stands any more.");
      return false;
    }
    await vscode.commands.executeCommand("vscode.changes", title, pairs);
    return true;
  }

  /** Takes changes back: all of the scope, or those of one file. What was taken back can be put back from the notification. */
  async revert(scope: Scope, uri?: string): Promise<void> {
    const done = await this.request({ ...scope, ...(uri !== undefined && { uri }) });
    const choice = await vscode.window.showInformationMessage(takenBackText(done.uris, done.notices), "Put Back");
    if (choice === "Put Back") await this.request({ sessionId: scope.sessionId, revertId: done.revertId });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const known = this.texts.get(uri.toString());
    if (known !== undefined) return known;
    // After a reload of the window.
    try {
      const { scope, uri: file } = JSON.parse(uri.query) as { scope: Scope; uri: string };
      const { files } = await this.api.request("change/list", { ...scope, texts: true });
      return files.find((one) => one.uri === file)?.before ?? "";
    } catch (error) {
      return `This change cannot be shown any more. ${problemOf(error).words}\n`;
    }
  }

  private request(params: Revert): Promise<Requests["change/revert"]["result"]> {
    return this.api.request("change/revert", params);
  }

  private document(scope: Scope, uri: string, text: string): vscode.Uri {
    // Another number each time: a document that is open keeps its text. With another path it would be shown as renamed.
    const query = JSON.stringify({ scope, uri, at: Date.now() });
    const document = vscode.Uri.from({ scheme: SCHEME, path: vscode.Uri.parse(uri).path, query });
    this.texts.set(document.toString(), text);
    return document;
  }
}
