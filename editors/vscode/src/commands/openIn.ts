/** Commands for where a session is shown. */
import * as vscode from "vscode";
import type { Services } from "../services";
import { chooseSession, type CommandResult, type Target } from "./choosing";

export async function openInSideBar(services: Services, target: Target, side: "primary" | "secondary"): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Open Session in the Side Bar");
  if (session === undefined) return false;
  await services.panels.showInSideBar(session.id, side);
}

/** By default, the session of the side bar that last had the focus. */
export async function openInEditor(services: Services, target: Target): Promise<CommandResult> {
  const { panels } = services;
  const inSides = [panels.sideOf("primary"), panels.sideOf("secondary")];
  const side = inSides.find((id) => id !== undefined && id === panels.current) ?? inSides.find((id) => id !== undefined);
  const session = await chooseSession(services, target ?? side, "Open Session in the Editor");
  if (session === undefined) return false;
  await panels.showInEditor(session.id);
}

export async function openInNewWindow(services: Services, target: Target): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Open Session in a New Window");
  if (session === undefined) return false;
  await services.panels.showInEditor(session.id);
  // This moves the active tab, which is now this one.
  await vscode.commands.executeCommand("workbench.action.moveEditorToNewWindow");
}
