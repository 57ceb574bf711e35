/**
 * Edits that need confirmation. VS Code shows them unticked in its refactor preview, and applies only ticked ones, so a
 * notification explains what to do.
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
