/** A session in a tab or a side bar: sends the store's state to the page, and handles the page's requests. */
import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import type { Api } from "../api";
import { participantId } from "../attention";
import type { Changes } from "../changes/changes";
import type { ChangeReview } from "../changes/review";
import type { Deletions } from "../deletions";
import type { QuestionDocuments } from "../questionDocuments";
import type { Message, PromptFile } from "../protocol";
import { resent, type Resent } from "../resending";
import { chipOf, type EditorContext } from "../context";
import { wireRange } from "../ranges";
import type { OpenSession } from "../folding";
import type { FindingActions } from "../findings/actions";
import { Problem, problemOf } from "../problem";
import type { Models } from "../models";
import { standingOf } from "../status";
import { did } from "../walkthrough";
import { REACH, type Sessions } from "../sessions";
import type { OpenChange } from "../store";
import { shownTitle, textOf } from "../format";
import type { Permissions } from "../permissions";
import type { Server } from "../server";
import { COMMANDS, type Draft, type FromPage, type FromView, type PlaceNow, type ToView } from "./messages";
import { lostOf } from "./draft";
import type { Drafts } from "./drafts";
import type { Images } from "./images";
import { page } from "./page";
import { besidePanels, openLink, openPlace } from "./places";
import { MessageWindow, updatesFor } from "./messageWindow";
import type { Surface } from "./surface";
import { WindowMeter } from "./windowUse";

/** The services for panels. */
export interface PanelServices {
  readonly api: Api;
  readonly sessions: Sessions;
  readonly permissions: Permissions;
  readonly models: Models;
  readonly server: Server;
  readonly context: EditorContext;
  readonly drafts: Drafts;
  readonly images: Images;
  readonly findings: FindingActions;
  readonly changes: Changes;
  readonly review: ChangeReview;
  readonly questions: QuestionDocuments;
  /** Called when the page of this session gets the focus. */
  readonly focused: (sessionId: string) => void;
  /** Shows another session. */
  readonly show: (sessionId: string, draft?: Resent) => void;
  readonly deletions: Deletions;
}

/** The number of messages with which a session is opened. */
const KNOWN = 100;

export class SessionPanel {
  /** Whether the page is ready to receive messages. */
  private listening = false;
  private joined = false;
  private disposed = false;
  private waiting: Draft[] = [];
  /** Errors from while no page was ready. */
  private untold: unknown;
  private joining = false;
  /** The replies with changes that the page shows. */
  private readonly listedChanges = new Set<string>();
  private title = "";
  /** Somebody took the access to the session away. */
  private accessLost = false;
  /** Which participant the page was told that the person is. */
  private toldParticipant: string | undefined;
  private completing = new vscode.CancellationTokenSource();
  /** The message to scroll to when the page is ready. */
  private wanted: string | undefined;
  private readonly window = new MessageWindow();
  private readonly meter: WindowMeter;
  private prompts: readonly PromptFile[] = [];
  private readonly subscriptions: { dispose(): void }[];

  constructor(
    readonly sessionId: string,
    readonly surface: Surface,
    dist: vscode.Uri,
    private readonly services: PanelServices,
  ) {
    const { webview } = surface;
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    // A view shows one page after another: ignore late messages of an earlier page.
    const token = randomUUID();
    const { api, server, sessions, context } = services;
    this.meter = new WindowMeter(api, (use) => {
      this.tell({ type: "window", ...(use !== undefined && { use }) });
    });
    this.subscriptions = [
      webview.onDidReceiveMessage(({ page: from, ...message }: FromPage) => {
        if (from === token) this.attempt(this.heard(message));
      }),
      // VS Code discards a hidden page. It reports `ready` when it is shown again.
      surface.onDidChangeVisibility(() => {
        if (!surface.visible) this.listening = false;
      }),
      sessions.store.onDidChangeOpen((change) => {
        if (change.sessionId === sessionId) this.changed(change);
      }),
      sessions.store.onDidChangeList(() => {
        this.tellParticipant();
        // It is shared with the person again.
        if (this.accessLost && sessions.store.session(sessionId) !== undefined) this.attempt(this.join());
      }),
      sessions.onDidChangeAgents(() => {
        this.tellAgents();
        void this.tellPrompts();
      }),
      services.models.onDidChange(() => {
        this.tellModels();
      }),
      context.onDidChange(() => {
        this.tell({ type: "offers", chips: context.offers() });
      }),
      services.findings.shown.onDidChange(() => {
        this.tellPlaces();
      }),
      services.deletions.onDidChange(() => {
        this.tellDeleting();
      }),
      server.onDidChangeState(() => {
        this.tellServer();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        this.tellTrust();
      }),
      api.onEvent((event) => {
        if (event.sessionId !== sessionId || event.kind !== "changesReverted" || !this.listening) return;
        for (const id of this.listedChanges) this.attempt(this.listChanges(id));
      }),
      api.onConnected(() => {
        this.attempt(this.join());
      }),
    ];
    webview.html = page(webview, dist, token);
    this.attempt(this.join());
  }

  /** Leaves the session, because the panel was closed. */
  dispose(): void {
    this.disposed = true;
    this.listening = false;
    for (const one of this.subscriptions) one.dispose();
    this.completing.dispose();
    this.meter.dispose();
    // Without a server there is nothing to leave.
    if (this.joined && !this.joining) this.services.sessions.leave(this.sessionId).catch(() => undefined);
  }

  /** Puts text, an agent or context into the composer. */
  compose(draft: Draft): void {
    if (this.listening) this.tell({ type: "compose", draft });
    else this.waiting.push(draft);
  }

  /** Scrolls to a message of the session, however old it is. */
  reveal(messageId: string): void {
    this.wanted = messageId;
    this.attempt(this.goTo());
  }

  private async goTo(): Promise<void> {
    const { wanted, sessionId } = this;
    const { sessions } = this.services;
    if (wanted === undefined || !this.listening || sessions.store.open(sessionId) === undefined) return;
    this.wanted = undefined;
    const reached = await sessions.reach(sessionId, wanted);
    const state = sessions.store.open(sessionId);
    if (state === undefined) return;
    if (!reached) {
      throw state.messages.length < REACH
        ? new Problem("messageNotFound", "That message is no longer in this session.")
        : new Problem("messageNotFound", `That message is more than ${REACH} messages back.`, "Scroll up to reach it.");
    }
    while (!this.window.has(state, wanted)) this.tell(this.window.older(state));
    this.tell({ type: "reveal", messageId: wanted });
  }

  private async join(): Promise<void> {
    if (this.joined || !this.services.api.ready) return;
    if (this.accessLost && this.services.sessions.store.session(this.sessionId) === undefined) return;
    this.joined = this.joining = true;
    try {
      await this.services.sessions.join(this.sessionId);
    } catch (error) {
      this.joined = false;
      const problem = problemOf(error);
      if (problem.kind !== "sessionNotFound" || this.disposed) throw problem;
      // It may be in another database, so its draft stays.
      this.surface.close();
      void vscode.window.showWarningMessage(
        "That session was not found: it was deleted, is not shared with you, or is in another database.",
      );
      return;
    } finally {
      this.joining = false;
    }
    this.accessLost = false;
    if (this.disposed) await this.services.sessions.leave(this.sessionId);
    else this.shown();
  }

  private setTitle(title: string): void {
    this.title = title;
    this.surface.setTitle(title);
  }

  /** The page stays, and says so: what was written there and not sent is not thrown away. */
  private loseAccess(): void {
    this.accessLost = true;
    this.joined = false;
    this.services.sessions.leave(this.sessionId).catch(() => undefined);
    this.tellAccessLost();
  }

  private tellAccessLost(): void {
    const draft = this.services.drafts.of(this.sessionId) ?? { text: "", chips: [] };
    if (this.accessLost) this.tell({ type: "accessLost", title: this.title, draft });
  }

  private changed(change: OpenChange): void {
    if (change.kind === "gone" && change.accessLost) {
      this.loseAccess();
      return;
    }
    if (change.kind === "gone") {
      void this.services.drafts.forget(this.sessionId);
      this.surface.close();
      return;
    }
    const state = this.services.sessions.store.open(this.sessionId);
    if (!state) return;
    this.setTitle(shownTitle(state.session));
    if (change.kind === "whole") {
      this.tell({ type: "show", view: this.window.show(state) });
      this.giveBackLost(state);
    } else if (change.kind === "step" && this.listening) {
      for (const update of updatesFor(state, change.change, this.window)) this.tell(update);
      if (change.change.session) this.meter.look(state.session);
    }
  }

  /** Sends the whole state to a new page. */
  private shown(): void {
    const state = this.services.sessions.store.open(this.sessionId);
    if (!state) return;
    this.setTitle(shownTitle(state.session));
    this.tell({ type: "show", view: this.window.show(state) });
    if (this.listening) this.meter.look(state.session);
    for (const draft of this.listening ? this.waiting.splice(0) : []) this.tell({ type: "compose", draft });
    this.attempt(this.goTo());
  }

  private tell(message: ToView): void {
    if (this.listening) void this.surface.webview.postMessage(message);
  }

  private tellServer(): void {
    this.tell({ type: "server", server: standingOf(this.services.server.state) });
  }

  private tellParticipant(anew = false): void {
    const id = participantId();
    if (!this.listening || (!anew && id === this.toldParticipant)) return;
    this.toldParticipant = id;
    this.tell({ type: "participant", ...(id !== undefined && { id }) });
  }

  private tellDeleting(): void {
    this.tell({ type: "deleting", deleting: this.services.deletions.has(this.sessionId) });
  }

  private tellTrust(): void {
    this.tell({ type: "trust", trusted: vscode.workspace.isTrusted });
  }

  private tellAgents(): void {
    const { agents, defaultAgent } = this.services.sessions;
    this.tell({ type: "agents", agents: { agents, default: defaultAgent } });
  }

  private tellModels(): void {
    const { models } = this.services;
    if (models.all === undefined) return;
    const unable = models.all.flatMap((model) => (model.problem === undefined ? [] : [[model.name, model.problem] as const]));
    this.tell({
      type: "models",
      models: {
        ...(models.default !== undefined && { default: models.default }),
        ...(models.problem !== undefined && { problem: models.problem }),
        unable: Object.fromEntries(unable),
      },
    });
  }

  /** Requests the changes again, because they are read from files: a page that becomes visible shows the current ones. */
  private async tellPrompts(): Promise<void> {
    if (!this.services.api.ready) return;
    const list = await this.services.api.request("prompt/list", {}).catch(() => undefined);
    this.prompts = list?.prompts ?? [];
    this.tell({ type: "prompts", prompts: this.prompts });
  }

  private tellPlaces(): void {
    const own = this.services.findings.shown.all.filter(({ finding }) => finding.sessionId === this.sessionId);
    const places = own.map(({ finding, uri, range }) => [finding.id, { uri: uri.toString(), range: wireRange(range) }]);
    this.tell({ type: "places", places: Object.fromEntries(places) as Record<string, PlaceNow> });
  }

  private attempt(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.failed(error);
    });
  }

  /** Reports an error, and puts an unsent message back into the composer or into the stored draft. */
  private failed(error: unknown, draft?: Draft): void {
    if (!this.listening) {
      if (draft !== undefined) void this.services.drafts.giveBack(this.sessionId, draft);
      if (this.disposed) void vscode.window.showErrorMessage(problemOf(error).words);
      else this.untold = error;
      return;
    }
    const { kind, message, hint, reason } = problemOf(error);
    const problem = { kind, message, ...(hint !== undefined && { hint }), ...(reason !== undefined && { reason }) };
    this.tell({ type: "problem", problem, ...(draft && { draft }) });
  }

  private async heard(message: FromView): Promise<void> {
    const { sessionId } = this;
    const { sessions, context } = this.services;
    switch (message.type) {
      case "ready":
        this.listening = true;
        this.window.reset();
        this.meter.reset();
        this.tellServer();
        this.tellParticipant(true);
        this.tellAccessLost();
        this.tellTrust();
        this.tellDeleting();
        this.tellAgents();
        this.tellModels();
        this.tellPlaces();
        void this.tellPrompts();
        this.tell({ type: "draft", draft: this.services.drafts.of(sessionId) ?? { text: "", chips: [] } });
        this.tell({ type: "offers", chips: context.offers() });
        this.shown();
        if (this.untold !== undefined) this.failed(this.untold);
        this.untold = undefined;
        await this.join();
        return;
      case "focused":
        this.services.focused(sessionId);
        return;
      case "send":
        await this.send(message.draft, message.delivery, message.resume === true);
        return;
      case "comment":
        await this.comment(message.draft);
        return;
      case "draft":
        await this.services.drafts.keep(sessionId, message.draft);
        return;
      case "listPrompts":
        await this.tellPrompts();
        return;
      case "older":
        await this.older();
        return;
      case "cancel":
      case "pause":
      case "resume":
      case "unarchive":
        await sessions.act(`session/${message.type}`, sessionId);
        if (message.type === "pause" || message.type === "resume") did("pause");
        return;
      case "fork":
        did("pause");
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
        this.tell({ type: "completions", id: message.id, items: await context.complete(message.query, token) });
        return;
      }
      case "attachImage":
        await this.attachImage(Buffer.from(message.data, "base64"), message.name);
        return;
      case "attachUris":
        await this.attachUris(message.uris.map((uri) => vscode.Uri.parse(uri)));
        return;
      case "chooseImage":
        this.compose({ text: "", chips: (await this.services.images.choose()).map(chipOf) });
        return;
      case "image": {
        const source = await this.services.images.source(sessionId, message.context).catch(() => undefined);
        this.tell({ type: "image", key: message.key, ...(source !== undefined && { source }) });
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
    this.compose({ text: "", chips: [chipOf(context)] });
  }

  private async attachUris(uris: readonly vscode.Uri[]): Promise<void> {
    const { images } = this.services;
    for (const uri of uris) {
      const context = (await images.isImage(uri)) ? await images.fromFile(uri) : ({ kind: "file", uri: uri.toString() } as const);
      this.compose({ text: "", chips: [chipOf(context)] });
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
    const made =
      before === undefined
        ? await sessions.create({
            agent: session.agent,
            ...(session.model !== undefined && { model: session.model }),
            ...(folder !== undefined && { workspaceFolder: folder }),
          })
        : await sessions.fork({ sessionId: this.sessionId, at: before.id });
    const draft = resent(message);
    await this.services.images.adopt(this.sessionId, draft.context);
    show(made.id, draft);
  }

  private changesTitle(): string {
    return `Changes: ${this.services.sessions.store.session(this.sessionId)?.title ?? "Session"}`;
  }

  private async listChanges(messageId: string): Promise<void> {
    const files = await this.services.review.list({ sessionId: this.sessionId, messageId });
    this.tell({ type: "changes", messageId, files });
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
    const words = `Revert the changes by agents in ${what} since this message?`;
    const choice = await vscode.window.showWarningMessage(words, { modal: true, detail }, "Undo Changes");
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
    const { context, ...rest } = resent(message);
    await this.services.images.adopt(this.sessionId, context);
    const draft: Draft = { ...rest, chips: context.map(chipOf) };
    if (this.listening) this.tell({ type: "takenBack", draft });
    else await this.services.drafts.giveBack(this.sessionId, draft);
  }

  private async send(draft: Draft, delivery: "queue" | "steer", resume: boolean): Promise<void> {
    const { chips } = draft;
    let { agent, text } = draft;
    const context = await Promise.all(chips.map((chip) => this.services.images.sendable(chip.context)));
    void this.services.drafts.forget(this.sessionId);
    if (agent !== undefined) did("agent");
    if (context.length > 0) did("context");
    const known = (this.services.sessions.store.open(this.sessionId)?.messages ?? []).slice(-KNOWN).map(({ id }) => id);
    try {
      const [, name, rest = ""] = /^\/([\w.:-]+)(?:\s+([\s\S]*))?$/.exec(text) ?? [];
      if (name !== undefined && this.prompts.some((prompt) => prompt.name === name)) {
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
      if (problem.messageKept || problem.kind === "messageWithdrawn") return;
      if (problem.kind === "serverLost") {
        await this.services.drafts.keepUnsure(this.sessionId, { draft, known });
        this.failed(problem);
      } else this.failed(problem, draft);
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
      this.failed(error, draft);
    }
  }

  /** Called when a new server has opened the session: puts messages that the old one did not receive back into the composer. */
  private giveBackLost(state: OpenSession): void {
    const lost = lostOf(this.services.drafts.takeUnsure(this.sessionId), state.messages);
    if (lost !== undefined)
      this.failed(new Problem("notSent", "The server ended before it received the message.", "Send it again."), lost);
  }

  private async older(): Promise<void> {
    const { sessions } = this.services;
    let state = sessions.store.open(this.sessionId);
    if (state && !this.window.hasOlder(state)) {
      await sessions.older(this.sessionId);
      state = sessions.store.open(this.sessionId);
    }
    if (state) this.tell(this.window.older(state));
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
