/** Saves documents for the server after an agent edited them, if they had no unsaved changes before. */
import * as vscode from "vscode";
import type { Saved, SaveParams } from "./protocol";

/** Milliseconds for one document including its formatters. The server waits 30 seconds for all. */
const TIMEOUT = 20_000;

/** Returns the documents without unsaved changes afterwards. Closed documents have none. */
export async function saveDocuments({ uris, versions }: SaveParams): Promise<Saved> {
  // In parallel: a document that waits for a person must not delay the others.
  const done = await Promise.all(uris.map(async (uri) => ((await save(uri, versions?.[uri])) ? [uri] : [])));
  return { saved: done.flat() };
}

/** `version`: the version after the agent's edit. A newer version means that a person is typing. */
async function save(uri: string, version: number | undefined): Promise<boolean> {
  const key = vscode.Uri.parse(uri).toString();
  const isSame = (open: { readonly uri: vscode.Uri }): boolean => open.uri.toString() === key;
  // Saving would lose the person's changes in the notebook, or the agent's.
  if (vscode.workspace.notebookDocuments.some((notebook) => isSame(notebook) && notebook.isDirty)) return false;
  const document = vscode.workspace.textDocuments.find(isSame);
  if (!document?.isDirty) return true;
  if (version !== undefined && document.version !== version) return false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, TIMEOUT);
  });
  try {
    return await Promise.race([document.save(), late]);
  } catch {
    return false; // the others are saved nevertheless
  } finally {
    clearTimeout(timer);
  }
}
