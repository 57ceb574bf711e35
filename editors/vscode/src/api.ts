/** The interface to the server: typed requests and notifications, whichever process answers. All other code uses it. */
import { randomUUID } from "node:crypto";
import type { CancellationToken, WorkspaceEdit as VsCodeEdit } from "vscode";
import { ProgressType, type LanguageClient, type WorkspaceEdit } from "vscode-languageclient/node";
import type { DeltaParams, Event, PermissionDecision, PermissionParams, Requests, SessionChangedParams } from "./protocol";
import { Emitter } from "./emitter";
import { serverLost, problemOf, serverStopped, type Problem } from "./problem";
import { saveDocuments } from "./saveDocuments";

/** Answers `session/requestPermission`. The token is cancelled when the request is withdrawn. */
export type PermissionHandler = (params: PermissionParams, token: CancellationToken) => Promise<PermissionDecision>;

/** Error kinds after which the outcome of a request is unknown. */
const OUTCOME_UNKNOWN: ReadonlySet<string> = new Set(["internalError", "cancelled"]);

export class Api {
  private client: LanguageClient | undefined;
  /** Functions that end the pending requests of a client. */
  private readonly pending = new Map<LanguageClient, Set<(reason: unknown) => void>>();
  private readonly eventHappened = new Emitter<Event>();
  private readonly deltaReceived = new Emitter<DeltaParams>();
  private readonly changed = new Emitter<SessionChangedParams>();
  private readonly agentsChanged = new Emitter<void>();
  private readonly connected = new Emitter<void>();
  private readonly disconnected = new Emitter<void>();
  private permissionHandler: PermissionHandler | undefined;
  private whyUnavailable: () => Problem = serverStopped;

  readonly onEvent = this.eventHappened.event;
  readonly onDelta = this.deltaReceived.event;
  readonly onChanged = this.changed.event;
  readonly onAgentsChanged = this.agentsChanged.event;
  /** A server has started: the first one, or a new one, on which no sessions are open yet. */
  readonly onConnected = this.connected.event;
  /** The server has ended. Its pending requests have failed. */
  readonly onDisconnected = this.disconnected.event;

  get ready(): boolean {
    return this.client !== undefined;
  }

  /** Sends a request. Throws a `Problem`. */
  async request<M extends keyof Requests>(
    method: M,
    params: Requests[M]["params"],
    token?: CancellationToken,
  ): Promise<Requests[M]["result"]> {
    return this.send(method, params, token);
  }

  /** Sends a request of LSP itself. Throws a `Problem`. */
  async lspRequest<R>(method: string, params: object): Promise<R> {
    return this.send<R>(method, params);
  }

  /** Converts an edit of the server for VS Code. */
  async convertEdit(edit: WorkspaceEdit): Promise<VsCodeEdit> {
    if (this.client === undefined) throw this.whyUnavailable();
    return this.client.protocol2CodeConverter.asWorkspaceEdit(edit);
  }

  private async send<R>(method: string, params: object, token?: CancellationToken): Promise<R> {
    const { client } = this;
    if (client === undefined) throw this.whyUnavailable();
    const aborts = this.pending.get(client) ?? new Set();
    let abort: (reason: unknown) => void = () => undefined;
    const aborted = new Promise<never>((_, reject) => {
      abort = reject;
    });
    aborts.add(abort);
    this.pending.set(client, aborts);
    try {
      // An undefined third argument would be sent as a second param.
      const answer = token === undefined ? client.sendRequest<R>(method, params) : client.sendRequest<R>(method, params, token);
      return await Promise.race([answer, aborted]);
    } catch (error) {
      const problem = problemOf(error);
      // The request belongs to a discarded server.
      const ended = client !== this.client && OUTCOME_UNKNOWN.has(problem.kind) && token?.isCancellationRequested !== true;
      throw ended ? serverLost() : problem;
    } finally {
      aborts.delete(abort);
    }
  }

  /** Sends a request to a model outside any session. `onText` gets the text as it is streamed. Throws a `Problem`. */
  async modelReply(
    params: Omit<Requests["model/reply"]["params"], "partialResultToken">,
    onText: (text: string) => void,
    token: CancellationToken,
  ): Promise<Requests["model/reply"]["result"]> {
    const { client } = this;
    if (client === undefined) throw this.whyUnavailable();
    const partialResultToken = randomUUID();
    const pieces = client.onProgress(new ProgressType<{ text: string }>(), partialResultToken, ({ text }) => {
      onText(text);
    });
    try {
      return await this.request("model/reply", { ...params, partialResultToken }, token);
    } finally {
      pieces.dispose();
    }
  }

  /** Requests without a server fail with this error. */
  explainUnavailable(why: () => Problem): void {
    this.whyUnavailable = why;
  }

  /** Answers permission requests. Without a handler they are denied. */
  onPermission(handler: PermissionHandler): void {
    this.permissionHandler = handler;
  }

  /** Registers listeners on a client that is about to start. */
  attach(client: LanguageClient): void {
    client.onNotification("session/event", (event: Event) => {
      this.eventHappened.fire(event);
    });
    client.onNotification("session/delta", (delta: DeltaParams) => {
      this.deltaReceived.fire(delta);
    });
    client.onNotification("session/changed", (params: SessionChangedParams) => {
      this.changed.fire(params);
    });
    client.onNotification("agent/changed", () => {
      this.agentsChanged.fire();
    });
    client.onRequest("document/save", saveDocuments);
    client.onRequest("session/requestPermission", async (params: PermissionParams, token: CancellationToken) => {
      const denied: PermissionDecision = { decision: "deny" };
      return this.permissionHandler === undefined ? denied : await this.permissionHandler(params, token);
    });
  }

  /** The client is ready. */
  connect(client: LanguageClient): void {
    this.client = client;
    this.connected.fire();
  }

  /** A client is discarded: its pending requests fail, even if its server hangs. */
  abandon(client: LanguageClient): void {
    for (const abort of this.pending.get(client) ?? []) abort(serverLost());
    this.pending.delete(client);
  }

  /** There is no server until the next `connect`. */
  disconnect(): void {
    if (this.client === undefined) return;
    this.client = undefined;
    this.disconnected.fire();
  }
}
