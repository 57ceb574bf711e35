/** Commands that begin sessions and send messages. */
import * as vscode from "vscode";
import { problemOf } from "../problem";
import type { Context, Session } from "../protocol";
import type { Services } from "../services";
import { wireRange } from "../ranges";
import { chooseSession, pickAgent, type CommandResult, type Target } from "./choosing";

export async function newSession({ sessions, panels }: Services): Promise<CommandResult> {
  const folder = await chooseFolder();
  if (folder === "none") return false;
  const session = await sessions.create(folder === undefined ? {} : { workspaceFolder: folder.uri.toString() });
  await panels.show(session.id);
}

/** Puts the focus into the composer of a session. */
export async function sendMessage(services: Services, target: Target): Promise<void> {
  const session = await chooseSession(services, target, "Send a Message", (one) => one.state === "active");
  if (session !== undefined) await services.panels.show(session.id);
}

/** Puts images that the person chooses into the composer of a session. */
export async function attachImage(services: Services, target: Target): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Attach an Image", (one) => one.state === "active");
  if (session === undefined) return false;
  const context = await services.images.choose();
  if (context.length === 0) return false;
  await services.panels.show(session.id, { text: "", context });
}

/** Puts the selection and the agent into the composer; the person writes and sends the message. */
export async function askAboutSelection(services: Services): Promise<CommandResult> {
  const selection = selectionContext(services);
  if (selection === undefined) {
    void vscode.window.showInformationMessage("Open a file and select the code that you want to ask about.");
    return false;
  }
  const agent = await pickAgent(services, "Ask Agent About Selection");
  if (agent === undefined) return false;
  const { session } = await sessionForAsking(services);
  await services.panels.show(session.id, { text: "", agent: agent.name, context: [selection] });
}

/** What is reviewed, as in the message to the agent. */
export type Subject = "selection" | "file" | "changes";

const SUBJECT_TEXTS: Readonly<Record<Subject, string>> = {
  selection: "the selected code",
  file: "this file",
  changes: "the uncommitted changes",
};

/** Has an agent review something, in the visible session or in a new one. */
export async function review(services: Services, subject: Subject, agent: "review" | "security"): Promise<CommandResult> {
  const context: Context | undefined =
    subject === "changes" ? { kind: "diff" } : subject === "file" ? fileContext(services) : selectionContext(services);
  if (context === undefined) {
    void vscode.window.showInformationMessage(
      `There is nothing to review: open a file${subject === "selection" ? " and select the code" : ""}.`,
    );
    return false;
  }
  const { session, isNew } = await sessionForAsking(services);
  const text =
    agent === "security" ? `Review ${SUBJECT_TEXTS[subject]} for security problems.` : `Review ${SUBJECT_TEXTS[subject]}.`;
  await services.panels.show(session.id);
  try {
    await services.sessions.message({ sessionId: session.id, text, agent, context: [context] });
  } catch (error) {
    const { kind, messageAccepted } = problemOf(error);
    // The session shows the errors of a message that it accepted.
    if (messageAccepted) return;
    // Delete a new session if the review was refused. (If the server was lost, it may have the message.)
    const { sessions } = services;
    if (isNew && kind !== "serverLost" && sessions.store.open(session.id)?.messages.length === 0)
      await sessions.delete(session.id);
    throw error;
  }
}

/** Reviews the selection, if any, or the file. */
export function securityReview(services: Services): Promise<CommandResult> {
  const place = services.context.last;
  return review(services, place === undefined ? "changes" : place.selection.isEmpty ? "file" : "selection", "security");
}

function selectionContext({ context }: Services): Context | undefined {
  const { last } = context;
  if (last === undefined || last.selection.isEmpty) return undefined;
  return { kind: "selection", uri: last.document.uri.toString(), range: wireRange(last.selection) };
}

function fileContext({ context }: Services): Context | undefined {
  const uri = context.last?.document.uri;
  return uri === undefined ? undefined : { kind: "file", uri: uri.toString() };
}

/** The visible session if it accepts messages, or a new one for the folder of the file. */
async function sessionForAsking({ sessions, panels, context }: Services): Promise<{ session: Session; isNew: boolean }> {
  const shown = panels.visible.map((id) => sessions.store.session(id)).find((session) => session?.state === "active");
  if (shown !== undefined) return { session: shown, isNew: false };
  const uri = context.last?.document.uri;
  const folder = uri === undefined ? undefined : vscode.workspace.getWorkspaceFolder(uri);
  const params = folder === undefined ? {} : { workspaceFolder: folder.uri.toString() };
  return { session: await sessions.create(params), isNew: true };
}

/** The folder for a new session: undefined for all open ones, `none` if the person cancelled. */
async function chooseFolder(): Promise<vscode.WorkspaceFolder | undefined | "none"> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length < 2) return folders[0];
  const all = { label: "$(root-folder) All Folders", folder: undefined };
  const items = [
    all,
    ...folders.map((folder) => ({ label: `$(folder) ${folder.name}`, description: folder.uri.fsPath, folder })),
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: "New Session",
    placeHolder: "The folder for the session",
  });
  return picked === undefined ? "none" : picked.folder;
}
