/**
 * Edits that are to be confirmed. VS Code shows them in its refactor preview, where each one is unticked at first, and applying
 * what is not ticked changes nothing: so a notification says what to do as long as it waits.
 */
import * as vscode from "vscode";
import { CancellationToken, type WorkspaceMiddleware } from "vscode-languageclient/node";

export const confirmEdit: NonNullable<WorkspaceMiddleware["handleApplyEdit"]> = async (params, next) => {
  const asks = Object.values(params.edit.changeAnnotations ?? {}).some((annotation) => annotation.needsConfirmation === true);
  if (!asks) return next(params, CancellationToken.None);
  const title = `${params.label ?? "An edit"}: tick it in Refactor Preview and apply it, or discard it.`;
  const result = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, async () =>
    next(params, CancellationToken.None),
  );
  if (!("applied" in result) || result.applied) return result;
  const failureReason = "It was discarded or not ticked in the refactor preview, or the document had changed.";
  return { ...result, failureReason };
};
