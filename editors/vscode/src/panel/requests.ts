/** Handles the requests of a session's page, except those that the panel handles itself. */
import * as vscode from "vscode";
import type { Message, PromptFile } from "../protocol";
import { editableMessage } from "../editableMessage";
import { chipOf } from "../context";
import { Problem, problemOf } from "../problem";
import { markDone } from "../walkthrough";
import { textOf } from "../format";
import { COMMANDS, type Draft, type FromView, type ToView } from "./messages";
import { besidePanels, openLink, openPlace } from "./places";
import type { PanelServices } from "./services";

/** The requests that the panel answers itself. */
type PanelMessageType = "ready" | "focused" | "listPrompts" | "older";

/** The part of the panel that requests need. */
export interface RequestingPage {
  /** Whether the page is ready to receive messages. */
  readonly listening: boolean;
  readonly prompts: readonly PromptFile[];
  post(message: ToView): void;
  /** Puts text, an agent or context into the composer. */
  compose(draft: Draft): void;
  /** Reports an error, and puts an unsent message back into the composer or into the stored draft. */
  reportError(error: unknown, draft?: Draft): void;
}

/** The number of newest messages to compare with after the server was lost. */
const KNOWN = 100;

export class PageRequests {
  /** The replies with changes that the page shows. */
  private readonly listedChanges = new Set<string>();
  private completing = new vscode.CancellationTokenSource();

  constructor(
    private readonly sessionId: string,
    private readonly services: PanelServices,
    private readonly page: RequestingPage,
  ) {}

  dispose(): void {
    this.completing.dispose();
  }

  /** Lists the changes of replies again, because some were reverted. */
  async listChangesAgain(): Promise<void> {
    await Promise.all([...this.listedChanges].map((id) => this.listChanges(id)));
  }

  async handle(message: Exclude<FromView, { type: PanelMessageType }>): Promise<void> {
    const { sessionId } = this;
    const { sessions, context } = this.services;
    switch (message.type) {
      case "send":
        await this.send(message.draft, message.delivery, message.resume === true);
        return;
      case "comment":
        await this.comment(message.draft);
        return;
      case "draft":
        await this.services.drafts.save(sessionId, message.draft);
        return;
      case "cancel":
      case "pause":
      case "resume":
      case "unarchive":
        await sessions.act(`session/${message.type}`, sessionId);
        if (message.type === "pause" || message.type === "resume") markDone("pause");
        return;
      case "fork":
        markDone("pause");
        await this.fork(message.at, message.draft);
        return;
      case "resend":
        await this.resend(message.messageId);
        return;
      case "withdraw":
      case "sendNow":
        await sessions.unqueue(`session/${message.type}`, sessionId, message.messageId);
        return;
      case "sendSooner":
        await this.sendSooner(message.messageId);
        return;
      case "editQueued":
        await this.editQueued(message.messageId);
        return;
      case "listChanges":
        this.listedChanges.add(message.messageId);
        await this.listChanges(message.messageId);
        return;
      case "reviewChanges":
        await this.services.review.review({ sessionId, messageId: message.messageId }, this.changesTitle());
        return;
      case "revertChanges":
        await this.services.review.revert({ sessionId, messageId: message.messageId }, message.uri, message.hunk);
        return;
      case "revertSince":
        await this.revertSince(message.messageId);
        return;
      case "undoDelete":
        this.services.deletions.undo(sessionId);
        return;
      case "showParent": {
        const parent = sessions.store.session(sessionId)?.parent;
        if (parent) this.services.show(parent.sessionId);
        return;
      }
      case "command":
        if (COMMANDS.includes(message.command)) await vscode.commands.executeCommand(`session.${message.command}`, sessionId);
        return;
      case "manageTrust":
        await vscode.commands.executeCommand("workbench.trust.manage");
        return;
      case "showQuestion": {
        const question = sessions.store.session(sessionId)?.asking?.find(({ requestId }) => requestId === message.requestId);
        if (question !== undefined) await this.services.questions.show(question);
        return;
      }
      case "alwaysAllow":
        await this.services.permissions.always(sessionId, message.requestId);
        return;
      case "answer":
        await this.services.permissions.answer(sessionId, message.requestId, message.decision);
        return;
      case "complete": {
        // Only the newest request is of interest.
        this.completing.cancel();
        this.completing.dispose();
        this.completing = new vscode.CancellationTokenSource();
        const { token } = this.completing;
        this.page.post({ type: "completions", id: message.id, items: await context.complete(message.query, token) });
        return;
      }
      case "attachImage":
        await this.attachImage(Buffer.from(message.data, "base64"), message.name);
        return;
      case "attachUris":
        await this.attachUris(message.uris.map((uri) => vscode.Uri.parse(uri)));
        return;
      case "chooseImage":
        this.page.compose({ text: "", chips: (await this.services.images.choose()).map(chipOf) });
        return;
      case "image": {
        const source = await this.services.images.source(sessionId, message.context).catch(() => undefined);
        this.page.post({ type: "image", key: message.key, ...(source !== undefined && { source }) });
        return;
      }
      case "openImage":
        await this.services.images.open(sessionId, message.context);
        return;
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        vscode.window.setStatusBarMessage("Copied", 2000);
        return;
      case "insert":
        await this.insert(message.text);
        return;
      case "openDocument":
        await this.openDocument(message.messageId);
        return;
      case "openPlace":
        await openPlace(message.uri, message.line, message.endLine);
        return;
      case "openLink":
        await openLink(message.href);
        return;
      case "finding":
        await this.services.findings.act(message.findingId, message.act);
        return;
      case "showChanges":
        await this.services.changes.show({ sessionId, messageId: message.messageId, path: message.path });
        return;
    }
  }

  private async attachImage(bytes: Uint8Array, name: string): Promise<void> {
    // Chromium's name for pasted images.
    const context = await this.services.images.keep(bytes, name === "image.png" ? "Pasted image" : name);
    this.page.compose({ text: "", chips: [chipOf(context)] });
  }

  private async attachUris(uris: readonly vscode.Uri[]): Promise<void> {
    const { images } = this.services;
    for (const uri of uris) {
      const context = (await images.isImage(uri)) ? await images.fromFile(uri) : ({ kind: "file", uri: uri.toString() } as const);
      this.page.compose({ text: "", chips: [chipOf(context)] });
    }
  }

  private async fork(at: string | undefined, draft: Draft | undefined): Promise<void> {
    const { sessions, show, drafts } = this.services;
    const fork = await sessions.fork({ sessionId: this.sessionId, ...(at !== undefined && { at }) });
    if (draft === undefined) {
      show(fork.id);
      return;
    }
    const { text, agent, chips } = draft;
    show(fork.id, { text, ...(agent !== undefined && { agent }), context: chips.map(({ context }) => context) });
    await drafts.forget(this.sessionId);
  }

  /** Resends the message in a session with the messages before it: a fork, or a new session if there are none. */
  private async resend(messageId: string): Promise<void> {
    const { sessions, show } = this.services;
    const find = (): [Message | undefined, Message | undefined] => {
      const messages = sessions.store.open(this.sessionId)?.messages ?? [];
      const at = messages.findIndex(({ id }) => id === messageId);
      return [messages[at], messages[at - 1]];
    };
    if (find()[1] === undefined && sessions.store.open(this.sessionId)?.more === true) await sessions.older(this.sessionId);
    const [message, before] = find();
    const session = sessions.store.session(this.sessionId);
    if (message === undefined || session === undefined) return;
    const [folder] = session.workspaceFolders;
    const target =
      before === undefined
        ? await sessions.create({
            agent: session.agent,
            ...(session.model !== undefined && { model: session.model }),
            ...(folder !== undefined && { workspaceFolder: folder }),
          })
        : await sessions.fork({ sessionId: this.sessionId, at: before.id });
    const draft = editableMessage(message);
    await this.services.images.adopt(this.sessionId, draft.context);
    show(target.id, draft);
  }

  private changesTitle(): string {
    return `Changes: ${this.services.sessions.store.session(this.sessionId)?.title ?? "Session"}`;
  }

  private async listChanges(messageId: string): Promise<void> {
    const files = await this.services.review.list({ sessionId: this.sessionId, messageId });
    this.page.post({ type: "changes", messageId, files });
  }

  private async revertSince(since: string): Promise<void> {
    const { review } = this.services;
    const scope = { sessionId: this.sessionId, since };
    const files = (await review.list(scope)).filter(({ state }) => state === "applied" || state === "partly");
    if (files.length === 0) {
      void vscode.window.showInformationMessage("No changes by agents since this message are left to undo.");
      return;
    }
    const what = files.length === 1 ? "1 file" : `${files.length} files`;
    const detail = files.map(({ uri }) => vscode.workspace.asRelativePath(vscode.Uri.parse(uri))).join("\n");
    const text = `Revert the changes by agents in ${what} since this message?`;
    const choice = await vscode.window.showWarningMessage(text, { modal: true, detail }, "Undo Changes");
    if (choice === "Undo Changes") await review.revert(scope);
  }

  private async sendSooner(messageId: string): Promise<void> {
    const { sessions, api } = this.services;
    const messages = sessions.store.open(this.sessionId)?.messages ?? [];
    const waiting = messages.flatMap(({ id, status, role }) => (role === "participant" && status === "queued" ? [id] : []));
    const at = waiting.indexOf(messageId);
    if (at < 1) return;
    const [first = messageId, ...others] = waiting.toSpliced(at, 1).toSpliced(at - 1, 0, messageId);
    await api.request("session/reorder", { sessionId: this.sessionId, messageIds: [first, ...others] });
  }

  private async editQueued(messageId: string): Promise<void> {
    const { sessions } = this.services;
    const message = sessions.store.open(this.sessionId)?.messages.find(({ id }) => id === messageId);
    if (message === undefined) return;
    await sessions.unqueue("session/withdraw", this.sessionId, messageId);
    const { context, ...rest } = editableMessage(message);
    await this.services.images.adopt(this.sessionId, context);
    const draft: Draft = { ...rest, chips: context.map(chipOf) };
    if (this.page.listening) this.page.post({ type: "takenBack", draft });
    else await this.services.drafts.putBack(this.sessionId, draft);
  }

  private async send(draft: Draft, delivery: "queue" | "steer", resume: boolean): Promise<void> {
    const { chips } = draft;
    let { agent, text } = draft;
    const context = await Promise.all(chips.map((chip) => this.services.images.sendable(chip.context)));
    void this.services.drafts.forget(this.sessionId);
    if (agent !== undefined) markDone("agent");
    if (context.length > 0) markDone("context");
    const known = (this.services.sessions.store.open(this.sessionId)?.messages ?? []).slice(-KNOWN).map(({ id }) => id);
    try {
      const [, name, rest = ""] = /^\/([\w.:-]+)(?:\s+([\s\S]*))?$/.exec(text) ?? [];
      if (name !== undefined && this.page.prompts.some((prompt) => prompt.name === name)) {
        const expanded = await this.services.api.request("prompt/expand", { name, arguments: rest });
        text = expanded.text;
        agent ??= expanded.agent;
      }
      if (resume) await this.services.sessions.act("session/resume", this.sessionId);
      await this.services.sessions.message({
        sessionId: this.sessionId,
        text,
        delivery,
        ...(agent !== undefined && { agent }),
        ...(context.length > 0 && { context }),
      });
    } catch (error) {
      const problem = problemOf(error);
      // The page already shows why a reply failed or was cancelled.
      if (problem.messageAccepted || problem.kind === "messageWithdrawn") return;
      if (problem.kind === "serverLost") {
        await this.services.drafts.saveUnconfirmed(this.sessionId, { draft, known });
        this.page.reportError(problem);
      } else this.page.reportError(problem, draft);
    }
  }

  private async comment(draft: Draft): Promise<void> {
    const { sessionId } = this;
    const { api, drafts, images } = this.services;
    const context = await Promise.all(draft.chips.map((chip) => images.sendable(chip.context)));
    void drafts.forget(sessionId);
    try {
      await api.request("session/comment", { sessionId, text: draft.text, ...(context.length > 0 && { context }) });
    } catch (error) {
      this.page.reportError(error, draft);
    }
  }

  private async insert(text: string): Promise<void> {
    const place = this.services.context.last;
    if (!place) throw new Problem("noEditor", "No text editor is open to insert into.");
    const { document, selection, viewColumn } = place;
    const editor = await vscode.window.showTextDocument(document, { selection, ...(viewColumn !== undefined && { viewColumn }) });
    await editor.edit((edit) => {
      edit.replace(selection, text);
    });
  }

  private async openDocument(messageId: string): Promise<void> {
    const message = this.services.sessions.store.open(this.sessionId)?.messages.find((one) => one.id === messageId);
    if (!message) return;
    const document = await vscode.workspace.openTextDocument({ language: "markdown", content: textOf(message) });
    await vscode.window.showTextDocument(document, { viewColumn: besidePanels() });
  }
}
