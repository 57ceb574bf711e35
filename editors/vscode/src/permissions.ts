/** Shows an agent's questions in the panel if it is visible, else as a notification. The first answer counts. */
import * as vscode from "vscode";
import type { PermissionDecision, PermissionParams } from "./protocol";
import type { Api } from "./api";
import type { Panels } from "./panel/openPanels";
import type { Sessions } from "./sessions";
import { Problem, problemOf } from "./problem";

export type Decision = PermissionDecision["decision"];

interface PendingQuestion {
  readonly params: PermissionParams;
  readonly decide: (decision: Decision) => void;
  /** Leaves the question open. */
  readonly drop: (why: string) => void;
}

const ALLOW_ONCE = "Allow Once";
const ALLOW_SESSION = "Allow for This Session";
const DENY = "Deny";
const SHOW = "Show Session";
const DETAIL = 300; // characters that a notification can hold

export class Permissions {
  private readonly pending = new Map<string, PendingQuestion>();
  private readonly notified = new Set<string>();
  private readonly stored = new vscode.EventEmitter<undefined>();
  private panels: Panels | undefined;
  /** A permission was stored permanently. */
  readonly onDidStore = this.stored.event;

  constructor(
    private readonly api: Api,
    private readonly sessions: Sessions,
  ) {
    api.onPermission((params, token) => this.ask(params, token));
    // This is not a denial: the question is asked again when its reply is resumed.
    api.onDisconnected(() => {
      for (const { drop } of [...this.pending.values()]) drop("The server is stopping.");
    });
  }

  /** From now on, questions of visible sessions are only shown in their panels. */
  use(panels: Panels): vscode.Disposable {
    this.panels = panels;
    const notify = (): void => {
      for (const { params } of this.pending.values()) this.notify(params);
    };
    return vscode.Disposable.from(
      panels.onDidChange(notify),
      vscode.window.onDidChangeWindowState(({ focused }) => {
        if (focused) notify();
      }),
    );
  }

  /** Answers a question, also one that was sent to another editor. */
  async answer(sessionId: string, requestId: string, decision: Decision): Promise<void> {
    const question = this.pending.get(requestId);
    this.sessions.store.answer(sessionId, requestId);
    if (question !== undefined) {
      question.decide(decision);
      return;
    }
    try {
      await this.api.request("session/answer", { sessionId, requestId, decision });
    } catch (error) {
      // Somebody else has given the same answer.
      if (problemOf(error).kind === "notPermitted") return;
      this.sessions.store.answer(sessionId, requestId, true);
      throw error;
    }
  }

  /** Lets the person choose for which sessions to allow it permanently, and answers the question. Requires an explicit choice. */
  async always(sessionId: string, requestId: string): Promise<void> {
    const session = this.sessions.store.session(sessionId);
    const question = session?.asking?.find((one) => one.requestId === requestId);
    if (session === undefined || question?.scope === undefined || question.scope === "") return;
    const [folder] = session.workspaceFolders;
    const covers = `${question.scope}, in replies to your messages`;
    type Item = vscode.QuickPickItem & { readonly everywhere?: boolean };
    const items: Item[] = [
      { label: "$(circle-slash) Not Now", detail: "Allows nothing. The question stays open." },
      ...(folder === undefined
        ? []
        : [{ label: "$(root-folder) Always in This Folder", description: folder, detail: covers, everywhere: false }]),
      { label: "$(account) Always, in All Folders", detail: covers, everywhere: true },
    ];
    const picked = await vscode.window.showQuickPick(items, {
      title: `Always Allow: ${question.summary}`,
      placeHolder: "Stored in a file of your own. Session: Permissions removes it",
      ignoreFocusOut: true,
    });
    if (picked?.everywhere === undefined) return;
    await this.api.request("permission/keep", { sessionId, requestId, everywhere: picked.everywhere });
    this.stored.fire(undefined);
    await this.answer(sessionId, requestId, "session");
  }

  private ask(params: PermissionParams, token: vscode.CancellationToken): Promise<PermissionDecision> {
    return new Promise((resolve, reject) => {
      const { requestId } = params;
      const forget = (): void => {
        this.pending.delete(requestId);
        this.notified.delete(requestId);
      };
      const decide = (decision: Decision): void => {
        forget();
        resolve({ decision });
      };
      const drop = (why: string): void => {
        forget();
        reject(new Problem("cancelled", why));
      };
      this.pending.set(requestId, { params, decide, drop });
      token.onCancellationRequested(() => {
        drop("The question was withdrawn.");
      });
      this.notify(params);
    });
  }

  /** Shows a question as a notification, once, if no panel shows it. */
  private notify(params: PermissionParams): void {
    const { requestId, sessionId } = params;
    if (this.notified.has(requestId) || this.panels?.isVisible(sessionId) === true) return;
    this.notified.add(requestId);
    const title = this.sessions.store.session(sessionId)?.title;
    const where = title === undefined ? "" : ` (${title})`;
    const detail = params.detail === undefined ? "" : `: ${shorten(params.detail)}`;
    const covers = params.scope === "" ? "" : ` (For this session: ${shorten(params.scope)}, in replies to your messages)`;
    void vscode.window
      .showWarningMessage(
        `${params.agent} asks${where}: ${params.summary}${detail}${covers}`,
        ALLOW_ONCE,
        ...(params.scope === "" ? [] : [ALLOW_SESSION]),
        DENY,
        SHOW,
      )
      .then((choice) => {
        if (choice === SHOW) void this.panels?.show(sessionId);
        // A notification that disappeared while the window was in the background is shown again.
        else if (choice === undefined && !vscode.window.state.focused) this.notified.delete(requestId);
        // The question may have been answered elsewhere in the meantime; a notification that was only closed answers nothing.
        else if (choice !== undefined && this.pending.has(requestId)) {
          void this.answer(sessionId, requestId, DECISIONS[choice] ?? "deny");
        }
      });
  }
}

const DECISIONS: Readonly<Record<string, Decision>> = { [ALLOW_ONCE]: "once", [ALLOW_SESSION]: "session", [DENY]: "deny" };

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > DETAIL ? `${line.slice(0, DETAIL)}…` : line;
}
