/** The actions on a finding, wherever it is shown. */
import * as vscode from "vscode";
import type { CodeAction, CodeActionParams } from "vscode-languageclient/node";
import type { Api } from "../api";
import { wireRange } from "../ranges";
import type { FindingAct } from "../panel/messages";
import { besidePanels } from "../panel/places";
import { Problem } from "../problem";
import type { Context, Exchange, FindingUpdateParams } from "../protocol";
import type { Sessions } from "../sessions";
import type { ShownFinding, ShownFindings } from "./shown";
import { findingText } from "./findingFormat";

export class FindingActions {
  constructor(
    private readonly api: Api,
    private readonly sessions: Sessions,
    readonly shown: ShownFindings,
  ) {}

  async update(findingId: string, state: FindingUpdateParams["state"]): Promise<void> {
    await this.api.request("finding/update", { findingId, state });
  }

  /** Has an agent that can edit fix it, in the finding's session, and shows that. Resolves when the reply has begun. */
  async fix(findingId: string, instructions?: string): Promise<void> {
    const title = this.shown.get(findingId)?.finding.title ?? "";
    const text = instructions === undefined || instructions === "" ? undefined : `Fix this finding: ${title}\n\n${instructions}`;
    await this.api.lspRequest("workspace/executeCommand", {
      command: "sessionls.fix",
      arguments: [{ findingId, ...(text !== undefined && { text }) }],
    });
  }

  /** Replaces the code with the suggestion, like the server's code action. */
  async applySuggestion(findingId: string): Promise<void> {
    const { uri, range } = this.requireShown(findingId);
    // The server computes edits for open documents in their current state.
    const document = await vscode.workspace.openTextDocument(uri);
    const diagnostics = [{ range: wireRange(range), message: "", source: "sessionls", data: { findingId } }];
    const params: CodeActionParams = {
      textDocument: { uri: uri.toString() },
      range: wireRange(range),
      context: { diagnostics, only: ["quickfix"] },
    };
    const actions = await this.api.lspRequest<CodeAction[] | null>("textDocument/codeAction", params);
    const edit = actions?.find((action) => action.edit !== undefined && isOf(action, findingId))?.edit;
    if (edit === undefined || !(await vscode.workspace.applyEdit(await this.api.convertEdit(edit))))
      throw new Problem("noSuggestion", "The suggestion no longer matches the code.", "Ask an agent to fix it.");
    await vscode.window.showTextDocument(document, { viewColumn: besidePanels(), preserveFocus: true });
  }

  /** Sends a message about the finding to its session. Resolves when the reply has ended or stopped. */
  reply(shown: ShownFinding, text: string): Promise<Exchange> {
    const { finding, uri, range } = shown;
    const context: Context[] = [
      { kind: "text", title: "The finding", text: findingText(finding) },
      { kind: "selection", uri: uri.toString(), range: wireRange(range) },
    ];
    // The agent that reported it answers, if it is still available.
    const found = this.sessions.agents.find((agent) => agent.name === finding.agent);
    const agent = found?.available === true && found.trusted ? found.name : undefined;
    return this.sessions.message({
      sessionId: finding.sessionId,
      text,
      context,
      ...(agent !== undefined && { agent }),
    });
  }

  /** Runs an action from the panel. */
  async act(findingId: string, act: FindingAct): Promise<void> {
    if (act === "fix") await this.fix(findingId);
    else if (act === "apply") await this.applySuggestion(findingId);
    else await this.update(findingId, act === "reopen" ? "open" : act === "resolve" ? "fixed" : "dismissed");
  }

  private requireShown(findingId: string): ShownFinding {
    const shown = this.shown.get(findingId);
    if (shown === undefined)
      throw new Problem("findingGone", "Its code was changed or cannot be read here.", "Ask an agent about it in the session.");
    return shown;
  }
}

function isOf(action: CodeAction, findingId: string): boolean {
  return (action.diagnostics ?? []).some(({ data }) => (data as { findingId?: unknown } | undefined)?.findingId === findingId);
}
