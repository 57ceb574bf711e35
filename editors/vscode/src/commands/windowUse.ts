/** Shows how much of the model's context window a session uses, and summarises the older part on demand. */
import * as vscode from "vscode";
import { besidePanels } from "../panel/places";
import type { Services } from "../services";
import { chooseSession, type CommandResult, type Target } from "./choosing";

type Item = vscode.QuickPickItem & { readonly pick?: () => Promise<CommandResult> };

/** Shows how full the window is, and offers remedies. */
export async function showWindow(services: Services, target: Target): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Window of the Session's Model");
  if (session === undefined) return false;
  const use = await services.api.request("session/window", { sessionId: session.id });
  const number = (tokens: number): string => tokens.toLocaleString();
  const size = use.window === undefined ? "tokens; the model's limit is unknown" : `of ${number(use.window)} tokens`;
  const items: Item[] = [
    {
      label: "$(fold) Compact Now",
      detail: "Summarises all but the newest message and its reply for the model. The session keeps all messages.",
      pick: () => compact(services, session.id),
    },
    ...(use.summary === undefined
      ? []
      : [
          {
            label: "$(note) Show the Summary",
            detail: `It replaces the first ${use.summarised} messages.`,
            pick: () => showSummary(use.summary ?? ""),
          },
        ]),
    { label: "$(credit-card) Set Budget…", pick: () => run("session.setBudget", session.id) },
    { label: "$(chip) Switch Model…", description: use.model, pick: () => run("session.switchModel", session.id) },
  ];
  const at = use.summarisedAt === undefined ? "" : ` At ${number(use.summarisedAt)} the older part is summarised automatically.`;
  const picked = await vscode.window.showQuickPick(items, {
    title: `“${session.title}” takes about ${number(use.used)} ${size}`,
    placeHolder: `Estimated, without the descriptions of tools.${at}`,
  });
  return picked?.pick === undefined ? false : picked.pick();
}

export async function compactNow(services: Services, target: Target): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Compact Session");
  return session === undefined ? false : compact(services, session.id);
}

async function compact({ api }: Services, sessionId: string): Promise<CommandResult> {
  const before = await api.request("session/window", { sessionId });
  const title = "Summarising the older part of the session…";
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  await vscode.window.withProgress(options, (_, token) => api.request("session/compact", { sessionId }, token));
  const after = await api.request("session/window", { sessionId });
  const text =
    after.summarised === before.summarised
      ? "There was nothing to summarise: the newest message and its reply are never summarised."
      : `${after.summarised} messages are summarised for the model: about ${after.used.toLocaleString()} tokens instead of ${before.used.toLocaleString()}.`;
  void vscode.window.showInformationMessage(text);
}

async function showSummary(content: string): Promise<CommandResult> {
  const document = await vscode.workspace.openTextDocument({ language: "markdown", content });
  await vscode.window.showTextDocument(document, { viewColumn: besidePanels() });
}

async function run(command: string, sessionId: string): Promise<CommandResult> {
  await vscode.commands.executeCommand(command, sessionId);
}
