/**
 * Shows an agent's edit in VS Code's diff editor. Both sides are read from the session's log, so this works after a reload, and for
 * edits in another participant's editor.
 */
import * as vscode from "vscode";
import type { Api } from "../api";
import { besidePanels } from "../panel/places";
import { Problem, problemOf } from "../problem";
import type { Message } from "../protocol";
import type { Sessions } from "../sessions";
import { decodePart } from "../format";
import { sidesOf, type Sides } from "./patch";

const SCHEME = "sessionls-changes";
const PAGE = 200;

/** An edit in a session. `path` has the indexes of the nested parts of the message. */
export interface EditPlace {
  readonly sessionId: string;
  readonly messageId: string;
  readonly path: readonly number[];
}

type Part = Message["parts"][number];
type EditPart = Extract<Part, { kind: "edit" }>;

export class Changes implements vscode.TextDocumentContentProvider, vscode.Disposable {
  /** The two sides of a change while either is open, because they must belong to the same moment. */
  private readonly open = new Map<string, Promise<Sides>>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly api: Api,
    private readonly sessions: Sessions,
  ) {
    this.subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === SCHEME && !isOpen(uri.query)) this.open.delete(uri.query);
      }),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  async show(place: EditPlace): Promise<void> {
    const part = await this.find(place);
    const query = JSON.stringify(place);
    const { whole } = await this.sides(query);
    const name = part.uri.slice(part.uri.lastIndexOf("/") + 1);
    const [before, after] = ["before", "after"].map((side) =>
      vscode.Uri.from({ scheme: SCHEME, path: `/${side}/${decodePart(name)}`, query }),
    );
    const title = `${decodePart(name)} (${part.applied ? "before ↔ after" : "as it was ↔ as proposed"}${whole ? "" : ", changed lines only"})`;
    await vscode.commands.executeCommand("vscode.diff", before, after, title, { preview: true, viewColumn: besidePanels() });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    try {
      const sides = await this.sides(uri.query);
      return uri.path.startsWith("/before/") ? sides.before : sides.after;
    } catch (error) {
      return `This change cannot be shown any more. ${problemOf(error).text}\n`;
    }
  }

  private sides(query: string): Promise<Sides> {
    const known = this.open.get(query);
    if (known !== undefined) return known;
    const sides = this.make(JSON.parse(query) as EditPlace);
    this.open.set(query, sides);
    sides.catch(() => this.open.delete(query));
    return sides;
  }

  private async make(place: EditPlace): Promise<Sides> {
    const { uri, patch } = await this.find(place);
    if (patch === undefined)
      throw new Problem(
        "noPatch",
        "The session does not keep the changed lines: the file is not text, or the change is too large.",
        "The tool's arguments may show it.",
      );
    return sidesOf(patch, await textOf(vscode.Uri.parse(uri)));
  }

  private async find(place: EditPlace): Promise<EditPart> {
    const message = await this.message(place);
    let parts: readonly Part[] = message?.parts ?? [];
    for (const index of place.path) {
      const part = parts[index];
      if (part?.kind === "edit") return part;
      parts = part?.kind === "tool" ? (part.parts ?? []) : [];
    }
    throw new Problem("editNotFound", "The edit is no longer in the session.");
  }

  /** The message: from the store, or else loaded page by page from the newest back. */
  private async message({ sessionId, messageId }: EditPlace): Promise<Message | undefined> {
    const known = this.sessions.store.open(sessionId)?.messages.find((message) => message.id === messageId);
    if (known !== undefined) return known;
    for (let before: string | undefined; ;) {
      const params = { sessionId, limit: PAGE, ...(before !== undefined && { before }) };
      const { messages, more } = await this.api.request("session/history", params);
      const found = messages.find((message) => message.id === messageId);
      if (found !== undefined || !more) return found;
      before = messages[0]?.id;
    }
  }
}

/** Whether a side of this change is open. */
function isOpen(query: string): boolean {
  return vscode.workspace.textDocuments.some(({ uri, isClosed }) => uri.scheme === SCHEME && uri.query === query && !isClosed);
}

/** The document's current text; undefined if it does not exist or is not text. */
async function textOf(uri: vscode.Uri): Promise<string | undefined> {
  try {
    return (await vscode.workspace.openTextDocument(uri)).getText();
  } catch {
    return undefined;
  }
}
