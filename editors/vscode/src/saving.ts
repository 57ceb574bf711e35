/** Saves documents for the server: an agent edited them, and they had no unsaved changes before. */
import * as vscode from "vscode";
import type { Saved, SaveParams } from "./protocol";

/** Milliseconds that one document may take with the formatters that run then, of the 30 seconds that the server waits for all. */
const PATIENCE = 20_000;

/** Gives those that have no unsaved changes any more; a document that is closed has none. */
export async function saveDocuments({ uris, versions }: SaveParams): Promise<Saved> {
  // Together: one that waits for a person must not keep the others from the disk.
  const done = await Promise.all(uris.map(async (uri) => ((await save(uri, versions?.[uri])) ? [uri] : [])));
  return { saved: done.flat() };
}

/** `version`: the one that the agent's edit made. One that the server has not heard of yet has more: a person is typing there. */
async function save(uri: string, version: number | undefined): Promise<boolean> {
  const key = vscode.Uri.parse(uri).toString();
  const isIt = (open: { readonly uri: vscode.Uri }): boolean => open.uri.toString() === key;
  // Its file would lose what a person changed in the notebook, or the other way round.
  if (vscode.workspace.notebookDocuments.some((notebook) => isIt(notebook) && notebook.isDirty)) return false;
  const document = vscode.workspace.textDocuments.find(isIt);
  if (!document?.isDirty) return true;
  if (version !== undefined && document.version !== version) return false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, PATIENCE);
  });
  try {
    return await Promise.race([document.save(), late]);
  } catch {
    return false; // whatever is wrong with it, the others are saved
  } finally {
    clearTimeout(timer);
  }
}
