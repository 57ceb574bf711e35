/** Saves documents for the server: an agent edited them, and they had no unsaved changes before. */
import * as vscode from "vscode";
import type { Saved, SaveParams } from "./protocol";

/** Gives those that have no unsaved changes any more; a document that is closed has none. */
export async function saveDocuments({ uris }: SaveParams): Promise<Saved> {
  const saved: string[] = [];
  for (const uri of uris) {
    const key = vscode.Uri.parse(uri).toString();
    const document = vscode.workspace.textDocuments.find((open) => open.uri.toString() === key);
    if (document === undefined || !document.isDirty || (await document.save())) saved.push(uri);
  }
  return { saved };
}
