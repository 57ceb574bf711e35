/** Manages the server's process: finds, configures and starts it, and restarts it after a crash. */
import { homedir } from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type StaticFeature,
} from "vscode-languageclient/node";
import type { Api } from "./api";
import { Backoff } from "./backoff";
import { textOfSetting } from "./settings";
import { findServer, type ServerCommand } from "./discovery";
import { withTitles } from "./findings/hovers";
import { confirmEdit } from "./confirmEdit";
import { Problem, problemOf } from "./problem";
import { searchEnvironment } from "./searchEnvironment";

export type ServerState =
  | { readonly kind: "starting" }
  | { readonly kind: "ready"; readonly version: string; readonly found: string }
  /** It ended unexpectedly, and will be restarted. */
  | { readonly kind: "waiting" }
  | { readonly kind: "installing" }
  /** `notified`: the person knows the reason. */
  | { readonly kind: "stopped"; readonly problem?: Problem; readonly notified?: true };

/** Additional configuration for the server's start. */
export interface ServerNeeds {
  /** The extension's own copy of the server. */
  readonly bundled: {
    python(): Promise<string | undefined>;
    missing(): Promise<Problem>;
    used(program: string): Promise<void>;
  };
  /** Keys of model providers, by environment variable. */
  environment(): Promise<Readonly<Record<string, string>>>;
  /** Shows a session when the server asks to show its document. */
  show(sessionId: string): Promise<void>;
  /** Called after the server was notified of changed folders, which may change its lists. */
  foldersChanged(): void;
  /** Called with the published diagnostics (findings) of a document. */
  diagnosed(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): void;
}

const SESSION_DOCUMENT = /^\/*([0-9a-zA-Z-]+)\.md$/;
const STOP_TIMEOUT = 5000; // milliseconds

export class Server implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel("sessionls", { log: true });
  private readonly trace = vscode.window.createOutputChannel("sessionls (trace)", { log: true });
  private readonly changed = new vscode.EventEmitter<ServerState>();
  private readonly backoff = new Backoff();
  private client: LanguageClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Counts starts and stops, to recognize late events of earlier servers. */
  private round = 0;
  private current: ServerState = { kind: "stopped" };
  /** The newest restart. Earlier ones do not start a server. */
  private restarting = Promise.resolve();
  private ending: Promise<unknown> = Promise.resolve();
  /** Whether the running server knows that the workspace is trusted. */
  private sentTrust = false;

  readonly onDidChangeState = this.changed.event;

  constructor(
    private readonly api: Api,
    private readonly needs: ServerNeeds,
  ) {}

  get state(): ServerState {
    return this.current;
  }

  /** Starts or restarts the server. Resolves when it is ready, or has failed. */
  async restart(): Promise<void> {
    this.backoff.reset();
    this.setState({ kind: "starting" });
    for (let attempt = (this.restarting = this.endAndStart()); ; attempt = this.restarting) {
      await attempt;
      if (attempt === this.restarting) return;
    }
  }

  /** The server is being installed. */
  installing(): void {
    this.setState({ kind: "installing" });
  }

  /** The installation failed, and the person knows it: restores the earlier state. */
  installationFailed(before: ServerState): void {
    if (this.current.kind === "installing") this.setState(before.kind === "stopped" ? { ...before, notified: true } : before);
  }

  async stop(): Promise<void> {
    this.setState({ kind: "stopped" });
    await this.end();
  }

  /** Called when the workspace becomes trusted. Notifies a running server, which continues its replies. */
  async trusted(): Promise<void> {
    // The folders, which were not searched before, may contain a server.
    if (this.current.kind === "stopped") await this.restart();
    else await this.sendTrust();
  }

  dispose(): void {
    void this.stop();
    this.changed.dispose();
    this.log.dispose();
    this.trace.dispose();
  }

  private async endAndStart(): Promise<void> {
    const round = await this.end();
    if (this.isCurrent(round)) await this.start();
  }

  private async start(): Promise<void> {
    this.round += 1;
    const { round } = this;
    this.setState({ kind: "starting" });
    try {
      const { bundled } = this.needs;
      const trusted = vscode.workspace.isTrusted;
      let environment = searchEnvironment(() => bundled.python());
      let command = await findServer(environment);
      if (command === undefined && vscode.workspace.isTrusted !== trusted) {
        // The environments of a trusted workspace may be used.
        environment = searchEnvironment(() => bundled.python());
        command = await findServer(environment);
      }
      if (command === undefined) throw await bundled.missing();
      if (path.isAbsolute(command.program) && !(await environment.isProgram(command.program))) throw programMissing(command);
      const client = await this.makeClient(command, round);
      if (round !== this.round) return;
      this.client = client;
      this.backoff.started();
      this.log.info(`Starting ${[command.program, ...command.args].join(" ")} (found: ${command.found})`);
      await client.start();
      if (!this.isCurrent(round)) {
        await this.discard(client);
        return;
      }
      await this.sendTrust();
      this.setState({ kind: "ready", version: client.initializeResult?.serverInfo?.version ?? "", found: command.found });
      this.api.connect(client);
      bundled.used(command.program).catch((error: unknown) => {
        this.log.warn(problemOf(error).text);
      });
    } catch (error) {
      this.ended(round, problemOf(error));
    }
  }

  private async sendTrust(): Promise<void> {
    const { client } = this;
    const trust = trustOptions();
    if (client?.isRunning() !== true || this.sentTrust === trust.workspaceTrusted) return;
    this.sentTrust = trust.workspaceTrusted;
    await client.sendNotification("workspace/didChangeConfiguration", { settings: { sessionls: trust } });
  }

  /** Stops the running server. Returns the number of the new round. */
  private async end(): Promise<number> {
    this.round += 1;
    const { round } = this;
    clearTimeout(this.timer);
    this.api.disconnect();
    const { client } = this;
    this.client = undefined;
    // The next start waits for all stopped servers.
    if (client !== undefined) this.ending = Promise.all([this.ending, this.discard(client)]);
    await this.ending;
    return round;
  }

  /** Called when a server ended or could not start. Ignores late events of earlier servers. */
  private ended(round: number, problem: Problem): void {
    if (!this.isCurrent(round)) return;
    this.round += 1;
    this.api.disconnect();
    const { client } = this;
    this.client = undefined;
    if (client !== undefined) void this.discard(client);
    this.log.error(problem.text);
    const final = problem.kind === "serverNotFound" || problem.kind === "serverNotThere";
    const wait = final ? undefined : this.backoff.ended();
    if (wait === undefined) {
      this.setState({ kind: "stopped", problem });
      return;
    }
    this.log.info(`Starting again in ${wait / 1000} s.`);
    this.setState({ kind: "waiting" });
    this.timer = setTimeout(() => void this.start(), wait);
  }

  private isCurrent(round: number): boolean {
    return round === this.round;
  }

  private setState(state: ServerState): void {
    this.current = state;
    this.changed.fire(state);
  }

  private async discard(client: LanguageClient): Promise<void> {
    try {
      await client.dispose(STOP_TIMEOUT);
    } catch {
      // It was not running any longer.
    }
    this.api.abandon(client);
  }

  private async makeClient(command: ServerCommand, round: number): Promise<LanguageClient> {
    const env = { ...process.env, ...(await this.needs.environment()) };
    // Python and Windows would search a workspace's folder for programs first.
    const cwd = homedir();
    const options: LanguageClientOptions = {
      documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
      diagnosticCollectionName: "sessionls",
      outputChannel: this.log,
      traceOutputChannel: this.trace,
      initializationOptions: () => {
        const options = initializationOptions();
        this.sentTrust = options.workspaceTrusted;
        return options;
      },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          this.ended(round, new Problem("serverStopped", "The sessionls server ended unexpectedly.", "Its output shows why."));
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: {
        workspace: {
          handleApplyEdit: confirmEdit,
          didChangeWorkspaceFolders: async (event, next) => {
            await next(event);
            this.needs.foldersChanged();
          },
        },
        handleDiagnostics: (uri, diagnostics, next) => {
          next(uri, withTitles(diagnostics));
          if (this.isCurrent(round)) this.needs.diagnosed(uri, diagnostics);
        },
        window: {
          showDocument: async (params, token, next) => {
            const uri = vscode.Uri.parse(params.uri);
            const id = uri.scheme === "sessionls" ? SESSION_DOCUMENT.exec(uri.path)?.[1] : undefined;
            if (id === undefined) return next(params, token);
            await this.needs.show(id);
            return { success: true };
          },
        },
      },
    };
    const run = { command: command.program, args: [...command.args], options: { env, cwd } };
    const client = new LanguageClient("sessionls", "sessionls", { run, debug: run }, options);
    client.registerFeature(CAPABILITIES);
    this.api.attach(client);
    return client;
  }
}

/** The client's capabilities beyond LSP. */
const CAPABILITIES: StaticFeature = {
  fillClientCapabilities: (capabilities) => {
    capabilities.experimental = {
      ...(capabilities.experimental as object),
      sessionls: { events: true, permissions: true, saves: true },
    };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

/** In Restricted Mode, definitions of the workspace are ignored, and agents may only read. */
function trustOptions(): { workspaceTrusted: boolean; readOnly: boolean } {
  const { isTrusted } = vscode.workspace;
  return { workspaceTrusted: isTrusted, readOnly: !isTrusted };
}

function initializationOptions(): ReturnType<typeof trustOptions> & Record<string, unknown> {
  const name = textOfSetting("participant.name");
  const email = textOfSetting("participant.email");
  const settings = { agent: textOfSetting("agent"), model: textOfSetting("model"), databaseUrl: textOfSetting("databaseUrl") };
  return {
    ...trustOptions(),
    ...(name && { participant: { name, ...(email && { email }) } }),
    ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value)),
  };
}

function programMissing({ program, found }: ServerCommand): Problem {
  return new Problem(
    "serverNotThere",
    `${program} is not a program that can be started.`,
    `It comes from ${found}: change it, and restart the server.`,
  );
}
