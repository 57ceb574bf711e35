/** Commands that write sessions as documents and files. */
import * as vscode from "vscode";
import { fileNames } from "../fileNames";
import { besidePanels } from "../panel/places";
import { problemOf } from "../problem";
import type { Requests, Session } from "../protocol";
import type { Services } from "../services";
import { chooseSession, type Done, type Target } from "./choosing";

const FORMATS: readonly {
  readonly label: string;
  readonly format: Requests["session/export"]["params"]["format"];
  readonly language: string;
  readonly extension: string;
}[] = [
  { label: "Markdown", format: "markdown", language: "markdown", extension: "md" },
  { label: "JSON", format: "json", language: "json", extension: "json" },
  { label: "HTML", format: "html", language: "html", extension: "html" },
];

/** Opens the whole session as a new document; one that is too long is written to a file instead. */
export async function exportSession(services: Services, target: Target, targets: readonly string[]): Promise<Done> {
  if (targets.length > 1) return exportSeveral(services, targets);
  const session = await chooseSession(services, target, "Export Session");
  if (session === undefined) return false;
  const format = await vscode.window.showQuickPick(FORMATS, { title: `Export “${session.title}”`, placeHolder: "Format" });
  if (format === undefined) return false;
  const params = { sessionId: session.id, format: format.format };
  let content: string | undefined;
  try {
    ({ content } = await services.api.request("session/export", params));
  } catch (error) {
    if (problemOf(error).kind !== "invalidParams") throw error; // else it is too long for a response
    const filters = { [format.label]: [format.extension] };
    const file = await vscode.window.showSaveDialog({
      title: `“${session.title}” is too long for an editor. Save it as`,
      filters,
    });
    if (file !== undefined) await services.api.request("session/export", { ...params, uri: file.toString() });
    return;
  }
  const document = await vscode.workspace.openTextDocument({ language: format.language, content: content ?? "" });
  await vscode.window.showTextDocument(document, { viewColumn: besidePanels() });
}

/** Writes one file for each session into a folder. Never overwrites an existing file. */
async function exportSeveral({ api, sessions }: Services, ids: readonly string[]): Promise<Done> {
  const chosen = ids.map((id) => sessions.store.session(id)).filter((session): session is Session => session !== undefined);
  const title = `Export ${chosen.length} Sessions`;
  const format = await vscode.window.showQuickPick(FORMATS, { title, placeHolder: "Format" });
  if (format === undefined) return false;
  const [folder] =
    (await vscode.window.showOpenDialog({
      title,
      openLabel: "Export Here",
      canSelectFiles: false,
      canSelectFolders: true,
    })) ?? [];
  if (folder === undefined) return false;
  const existing = (await vscode.workspace.fs.readDirectory(folder)).map(([name]) => name);
  const names = fileNames(
    chosen.map((session) => session.title),
    format.extension,
    existing,
  );
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, async (progress) => {
    for (const [at, session] of chosen.entries()) {
      progress.report({ message: session.title, increment: 100 / chosen.length });
      const uri = vscode.Uri.joinPath(folder, names[at] ?? `${session.id}.${format.extension}`).toString();
      await api.request("session/export", { sessionId: session.id, format: format.format, uri });
    }
  });
  const text = `Exported ${chosen.length} sessions to ${folder.fsPath}.`;
  if ((await vscode.window.showInformationMessage(text, "Show Folder")) === "Show Folder")
    await vscode.commands.executeCommand("revealFileInOS", folder);
}
