/** Commands that write sessions as documents and files. */
import * as vscode from "vscode";
import { fileNames } from "../fileNames";
import { besidePanels } from "../panel/places";
import { problemOf } from "../problem";
import type { Requests, Session } from "../protocol";
import type { Services } from "../services";
import { resultText, runBatch, throwFailures } from "./batch";
import { chooseSession, type CommandResult, type Target } from "./choosing";

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
export async function exportSession(services: Services, target: Target, targets: readonly string[]): Promise<CommandResult> {
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
async function exportSeveral({ api, sessions }: Services, ids: readonly string[]): Promise<CommandResult> {
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
  const files = new Map(chosen.map(({ id }, index) => [id, names[index] ?? `${id}.${format.extension}`]));
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  const result = await vscode.window.withProgress(options, (progress, token) =>
    runBatch(
      chosen,
      ({ id }) => {
        const uri = vscode.Uri.joinPath(folder, files.get(id) ?? id).toString();
        return api.request("session/export", { sessionId: id, format: format.format, uri });
      },
      (session) => {
        progress.report({ message: session.title, increment: 100 / chosen.length });
        return !token.isCancellationRequested;
      },
    ),
  );
  if (result.done.length === 0) {
    throwFailures("exported", result.failed);
    return false;
  }
  const text = resultText("exported", result, ` to ${folder.fsPath}`);
  const choice = await (result.failed.length === 0
    ? vscode.window.showInformationMessage(text, "Show Folder")
    : vscode.window.showWarningMessage(text, "Show Folder"));
  if (choice === "Show Folder") await vscode.commands.executeCommand("revealFileInOS", folder);
}
