/** The available models and the default model. Checks again automatically while none is available. */
import * as vscode from "vscode";
import type { Api } from "./api";
import { textOfSetting } from "./settings";
import type { ModelInfo } from "./protocol";
import type { Disposable } from "./emitter";
import { markDone } from "./walkthrough";

/** The interval while no model is available and a model list is shown: Ollama may be started, or its first model pulled. */
const RECHECK_INTERVAL = 5000; // milliseconds

export class Models implements vscode.Disposable {
  private known: readonly ModelInfo[] | undefined;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: Disposable[];

  readonly onDidChange = this.changed.event;

  constructor(private readonly api: Api) {
    const timer = setInterval(() => {
      if (this.known !== undefined && this.default === undefined && api.ready && vscode.window.state.focused)
        this.refreshQuietly();
    }, RECHECK_INTERVAL);
    this.subscriptions = [
      this.changed,
      new vscode.Disposable(() => {
        clearInterval(timer);
      }),
      api.onConnected(() => {
        this.refreshQuietly();
      }),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** All known models, available or not; undefined until a server has listed them. */
  get all(): readonly ModelInfo[] | undefined {
    return this.known;
  }

  get available(): readonly ModelInfo[] {
    return (this.known ?? []).filter((model) => model.available);
  }

  /** The model that is used if neither the message, the session nor the agent sets one. */
  get default(): string | undefined {
    return this.known?.find((model) => model.default)?.name;
  }

  /** Why the chosen default is not available. */
  get problem(): string | undefined {
    if (this.default !== undefined) return undefined;
    const setting = textOfSetting("model");
    const names = [setting, process.env["SESSIONLS_MODEL"]].filter(Boolean);
    const chosen = this.known?.find((model) => model.name === names[0]);
    return chosen?.problem === undefined ? undefined : `${chosen.name} cannot answer. ${chosen.problem}`;
  }

  async refresh(): Promise<void> {
    const before = JSON.stringify(this.known);
    this.known = (await this.api.request("model/list", {})).models;
    if (JSON.stringify(this.known) === before) return;
    const none = this.default === undefined;
    await vscode.commands.executeCommand("setContext", "sessionls.noModel", none);
    if (!none) markDone("model");
    this.changed.fire();
  }

  private refreshQuietly(): void {
    this.refresh().catch(() => undefined); // server problems are shown elsewhere
  }
}
