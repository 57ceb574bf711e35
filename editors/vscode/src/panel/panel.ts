/** A session in a tab or a side bar: sends the store's state to the page, and receives the page's requests. */
import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import { participantId } from "../attention";
import type { PromptFile } from "../protocol";
import { wireRange } from "../ranges";
import type { OpenSession } from "../folding/openSession";
import { Problem, problemOf } from "../problem";
import { serverStatus } from "../serverStatus";
import { REACH } from "../sessions";
import type { OpenChange } from "../store";
import { displayTitle } from "../format";
import { type Draft, type FromPage, type FromView, type PlaceNow, type ToView } from "./messages";
import { unsentDraft } from "./draft";
import { page } from "./page";
import { MessageWindow, updatesFor } from "./messageWindow";
import type { Surface } from "./surface";
import { WindowMeter } from "./windowUse";
import { PageRequests, type RequestingPage } from "./requests";
import type { PanelServices } from "./services";

export class SessionPanel implements RequestingPage {
  /** Whether the page is ready to receive messages. */
  listening = false;
  private joined = false;
  private disposed = false;
  private pendingDrafts: Draft[] = [];
  /** The last error while no page was ready. */
  private pendingError: unknown;
  private joining = false;
  private title = "";
  /** Whether the person has lost access to the session. */
  private accessLost = false;
  /** The id of the person's participant that was last sent to the page. */
  private sentParticipant: string | undefined;
  /** The message to scroll to when the page is ready. */
  private revealId: string | undefined;
  private readonly window = new MessageWindow();
  private readonly meter: WindowMeter;
  private readonly requests: PageRequests;
  prompts: readonly PromptFile[] = [];
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
    this.requests = new PageRequests(sessionId, services, this);
    this.meter = new WindowMeter(api, (use) => {
      this.post({ type: "window", ...(use !== undefined && { use }) });
    });
    this.subscriptions = [
      webview.onDidReceiveMessage(({ page: from, ...message }: FromPage) => {
        if (from === token) this.attempt(this.handleMessage(message));
      }),
      // VS Code discards a hidden page. It reports `ready` when it is shown again.
      surface.onDidChangeVisibility(() => {
        if (!surface.visible) this.listening = false;
      }),
      sessions.store.onDidChangeOpen((change) => {
        if (change.sessionId === sessionId) this.changed(change);
      }),
      sessions.store.onDidChangeList(() => {
        this.sendParticipant();
        // The session is shared with the person again.
        if (this.accessLost && sessions.store.session(sessionId) !== undefined) this.attempt(this.join());
      }),
      sessions.onDidChangeAgents(() => {
        this.sendAgents();
        void this.sendPrompts();
      }),
      services.models.onDidChange(() => {
        this.sendModels();
      }),
      context.onDidChange(() => {
        this.post({ type: "offers", chips: context.offers() });
      }),
      services.findings.shown.onDidChange(() => {
        this.sendPlaces();
      }),
      services.deletions.onDidChange(() => {
        this.sendDeleting();
      }),
      server.onDidChangeState(() => {
        this.sendServer();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        this.sendTrust();
      }),
      api.onEvent((event) => {
        if (event.sessionId !== sessionId || event.kind !== "changesReverted" || !this.listening) return;
        this.attempt(this.requests.listChangesAgain());
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
    for (const subscription of this.subscriptions) subscription.dispose();
    this.requests.dispose();
    this.meter.dispose();
    // Without a server there is nothing to leave.
    if (this.joined && !this.joining) this.services.sessions.leave(this.sessionId).catch(() => undefined);
  }

  /** Puts text, an agent or context into the composer. */
  compose(draft: Draft): void {
    if (this.listening) this.post({ type: "compose", draft });
    else this.pendingDrafts.push(draft);
  }

  /** Scrolls to a message of the session, however old it is. */
  reveal(messageId: string): void {
    this.revealId = messageId;
    this.attempt(this.revealPending());
  }

  private async revealPending(): Promise<void> {
    const { revealId, sessionId } = this;
    const { sessions } = this.services;
    if (revealId === undefined || !this.listening || sessions.store.open(sessionId) === undefined) return;
    this.revealId = undefined;
    const reached = await sessions.reach(sessionId, revealId);
    const state = sessions.store.open(sessionId);
    if (state === undefined) return;
    if (!reached) {
      throw state.messages.length < REACH
        ? new Problem("messageNotFound", "That message is no longer in this session.")
        : new Problem("messageNotFound", `That message is more than ${REACH} messages back.`, "Scroll up to reach it.");
    }
    while (!this.window.has(state, revealId)) this.post(this.window.older(state));
    this.post({ type: "reveal", messageId: revealId });
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
    else this.sendState();
  }

  private setTitle(title: string): void {
    this.title = title;
    this.surface.setTitle(title);
  }

  /** The page stays and says so, so that its draft is not lost. */
  private loseAccess(): void {
    this.accessLost = true;
    this.joined = false;
    this.services.sessions.leave(this.sessionId).catch(() => undefined);
    this.sendAccessLost();
  }

  private sendAccessLost(): void {
    const draft = this.services.drafts.get(this.sessionId) ?? { text: "", chips: [] };
    if (this.accessLost) this.post({ type: "accessLost", title: this.title, draft });
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
    this.setTitle(displayTitle(state.session));
    if (change.kind === "whole") {
      this.post({ type: "show", view: this.window.show(state) });
      this.putBackUnsent(state);
    } else if (change.kind === "step" && this.listening) {
      for (const update of updatesFor(state, change.change, this.window)) this.post(update);
      if (change.change.session) this.meter.update(state.session);
    }
  }

  /** Sends the whole state to a new page. */
  private sendState(): void {
    const state = this.services.sessions.store.open(this.sessionId);
    if (!state) return;
    this.setTitle(displayTitle(state.session));
    this.post({ type: "show", view: this.window.show(state) });
    if (this.listening) this.meter.update(state.session);
    for (const draft of this.listening ? this.pendingDrafts.splice(0) : []) this.post({ type: "compose", draft });
    this.attempt(this.revealPending());
  }

  post(message: ToView): void {
    if (this.listening) void this.surface.webview.postMessage(message);
  }

  private sendServer(): void {
    this.post({ type: "server", server: serverStatus(this.services.server.state) });
  }

  private sendParticipant(anew = false): void {
    const id = participantId();
    if (!this.listening || (!anew && id === this.sentParticipant)) return;
    this.sentParticipant = id;
    this.post({ type: "participant", ...(id !== undefined && { id }) });
  }

  private sendDeleting(): void {
    this.post({ type: "deleting", deleting: this.services.deletions.has(this.sessionId) });
  }

  private sendTrust(): void {
    this.post({ type: "trust", trusted: vscode.workspace.isTrusted });
  }

  private sendAgents(): void {
    const { agents, defaultAgent } = this.services.sessions;
    this.post({ type: "agents", agents: { agents, default: defaultAgent } });
  }

  private sendModels(): void {
    const { models } = this.services;
    if (models.all === undefined) return;
    const unable = models.all.flatMap((model) => (model.problem === undefined ? [] : [[model.name, model.problem] as const]));
    this.post({
      type: "models",
      models: {
        ...(models.default !== undefined && { default: models.default }),
        ...(models.problem !== undefined && { problem: models.problem }),
        unable: Object.fromEntries(unable),
      },
    });
  }

  /** Requests the prompt files again, because they can change at any time. */
  private async sendPrompts(): Promise<void> {
    if (!this.services.api.ready) return;
    const list = await this.services.api.request("prompt/list", {}).catch(() => undefined);
    this.prompts = list?.prompts ?? [];
    this.post({ type: "prompts", prompts: this.prompts });
  }

  private sendPlaces(): void {
    const own = this.services.findings.shown.all.filter(({ finding }) => finding.sessionId === this.sessionId);
    const places = own.map(({ finding, uri, range }) => [finding.id, { uri: uri.toString(), range: wireRange(range) }]);
    this.post({ type: "places", places: Object.fromEntries(places) as Record<string, PlaceNow> });
  }

  private attempt(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.reportError(error);
    });
  }

  /** Reports an error, and puts an unsent message back into the composer or into the stored draft. */
  reportError(error: unknown, draft?: Draft): void {
    if (!this.listening) {
      if (draft !== undefined) void this.services.drafts.putBack(this.sessionId, draft);
      if (this.disposed) void vscode.window.showErrorMessage(problemOf(error).text);
      else this.pendingError = error;
      return;
    }
    const { kind, message, hint, reason } = problemOf(error);
    const problem = { kind, message, ...(hint !== undefined && { hint }), ...(reason !== undefined && { reason }) };
    this.post({ type: "problem", problem, ...(draft && { draft }) });
  }

  private async handleMessage(message: FromView): Promise<void> {
    const { sessionId } = this;
    const { context } = this.services;
    switch (message.type) {
      case "ready":
        this.listening = true;
        this.window.reset();
        this.meter.reset();
        this.sendServer();
        this.sendParticipant(true);
        this.sendAccessLost();
        this.sendTrust();
        this.sendDeleting();
        this.sendAgents();
        this.sendModels();
        this.sendPlaces();
        void this.sendPrompts();
        this.post({ type: "draft", draft: this.services.drafts.get(sessionId) ?? { text: "", chips: [] } });
        this.post({ type: "offers", chips: context.offers() });
        this.sendState();
        if (this.pendingError !== undefined) this.reportError(this.pendingError);
        this.pendingError = undefined;
        await this.join();
        return;
      case "focused":
        this.services.focused(sessionId);
        return;
      case "listPrompts":
        await this.sendPrompts();
        return;
      case "older":
        await this.older();
        return;
      default:
        await this.requests.handle(message);
    }
  }

  /** Called when a new server has opened the session: puts messages that the old one did not receive back into the composer. */
  private putBackUnsent(state: OpenSession): void {
    const unsent = unsentDraft(this.services.drafts.takeUnconfirmed(this.sessionId), state.messages);
    if (unsent !== undefined)
      this.reportError(new Problem("notSent", "The server ended before it received the message.", "Send it again."), unsent);
  }

  private async older(): Promise<void> {
    const { sessions } = this.services;
    let state = sessions.store.open(this.sessionId);
    if (state && !this.window.hasOlder(state)) {
      await sessions.older(this.sessionId);
      state = sessions.store.open(this.sessionId);
    }
    if (state) this.post(this.window.older(state));
  }
}
