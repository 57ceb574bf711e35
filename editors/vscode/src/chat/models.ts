/**
 * Provides the server's models to VS Code: for the model picker of its chat, and for other extensions that use language models. Their
 * requests belong to no session, and nothing is stored.
 */
import * as vscode from "vscode";
import type { Api } from "../api";
import type { Models } from "../models";
import { problemOf, type Problem } from "../problem";
import type { ModelInfo, ModelMessage } from "../protocol";
import { stopReasonText } from "../format";
import { modelMessages, estimate, familyOf, nameOf, toolParams } from "./modelRequests";

export const VENDOR = "sessionls";
/**
 * The entry for the default: in a session its own model or that of the agent, elsewhere the server's default. VS Code preselects the
 * first name, so this one sorts before all models.
 */
export const OWN = "default";

// For models with an unknown context window. The server assumes the same.
const WINDOW = 32_000; // tokens
/** The assumed length of an answer. The server sets no limit. */
const OUTPUT = 4_096; // tokens
/** The number of calls whose reasoning is kept. */
const MAX_CALLS = 100;

export class ModelProvider implements vscode.LanguageModelChatProvider, vscode.Disposable {
  /** The reasoning of the newest calls: VS Code does not keep it, and some providers need it back with the call. */
  private readonly reasoning = new Map<string, NonNullable<ModelMessage["reasoning"]>>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscription: { dispose(): void };

  readonly onDidChangeLanguageModelChatInformation = this.changed.event;

  constructor(
    private readonly api: Api,
    private readonly models: Models,
  ) {
    this.subscription = models.onDidChange(() => {
      this.changed.fire();
    });
  }

  /** VS Code requests the models of a provider when they change, not when it is registered. */
  announce(): void {
    this.changed.fire();
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }

  /**
   * The models that are known immediately: without any model, VS Code handles no request to @session. While the server is not running,
   * these are the last known ones, so that the person's choice is kept.
   */
  provideLanguageModelChatInformation(): vscode.LanguageModelChatInformation[] {
    const { available } = this.models;
    return [defaultInformation(available.find((model) => model.default)), ...available.map((model) => information(model))];
  }

  async provideLanguageModelChatResponse(
    { id }: vscode.LanguageModelChatInformation,
    messages: readonly vscode.LanguageModelChatRequestMessage[],
    { tools, toolMode }: vscode.ProvideLanguageModelChatResponseOptions,
    progress: vscode.Progress<vscode.LanguageModelResponsePart>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    try {
      const mustCall = toolMode === vscode.LanguageModelChatToolMode.Required;
      const params = {
        ...modelMessages(messages, this.reasoning),
        ...toolParams(tools, mustCall),
        ...(id !== OWN && { model: id }),
      };
      const {
        calls = [],
        reasoning,
        stopReason,
      } = await this.api.modelReply(
        params,
        (text) => {
          progress.report(new vscode.LanguageModelTextPart(text));
        },
        token,
      );
      const [first] = calls;
      if (first !== undefined && reasoning !== undefined) this.keep(first.callId, reasoning);
      for (const call of calls) progress.report(new vscode.LanguageModelToolCallPart(call.callId, call.name, call.arguments));
      const problem = calls.length === 0 ? stopReasonText(stopReason) : undefined;
      if (problem !== undefined) throw vscode.LanguageModelError.Blocked(problem);
    } catch (error) {
      if (error instanceof vscode.LanguageModelError) throw error;
      throw languageModelError(problemOf(error));
    }
  }

  private keep(callId: string, reasoning: NonNullable<ModelMessage["reasoning"]>): void {
    this.reasoning.set(callId, reasoning);
    for (const oldest of this.reasoning.keys()) {
      if (this.reasoning.size <= MAX_CALLS) break;
      this.reasoning.delete(oldest);
    }
  }

  provideTokenCount(
    _model: vscode.LanguageModelChatInformation,
    text: string | vscode.LanguageModelChatRequestMessage,
  ): Promise<number> {
    return Promise.resolve(estimate(text));
  }
}

export function registerModels(api: Api, all: Models): vscode.Disposable {
  const models = new ModelProvider(api, all);
  const registration = vscode.lm.registerLanguageModelChatProvider(VENDOR, models);
  models.announce();
  return vscode.Disposable.from(models, registration);
}

function defaultInformation(model: ModelInfo | undefined): vscode.LanguageModelChatInformation {
  return {
    ...limits(model),
    // In a session, the agent calls its own tools.
    capabilities: { imageInput: false, toolCalling: true },
    id: OWN,
    name: "Agent's Own",
    family: OWN,
    version: "1",
    tooltip: "With @session: the model of the session, or of the agent that answers. Elsewhere: the default model of sessionls.",
  };
}

function information(model: ModelInfo): vscode.LanguageModelChatInformation {
  return {
    ...limits(model),
    id: model.name,
    name: nameOf(model.name),
    family: familyOf(model.name),
    version: "1",
    detail: model.provider,
    tooltip: `${model.name}, through sessionls.`,
  };
}

function limits(
  model: ModelInfo | undefined,
): Pick<vscode.LanguageModelChatInformation, "maxInputTokens" | "maxOutputTokens" | "capabilities"> {
  const window = model?.contextWindow ?? WINDOW;
  // VS Code's chat starts in agent mode, in which only models with tool calling can be chosen: all except the embedded one.
  const capabilities = { imageInput: false, toolCalling: model?.provider !== "embedded" };
  const output = Math.min(OUTPUT, Math.floor(window / 4));
  return { maxInputTokens: window - output, maxOutputTokens: output, capabilities };
}

/** The error for other extensions: with VS Code's kind, if there is a suitable one, and the message of the protocol. */
function languageModelError(problem: Problem): Error {
  switch (problem.reason) {
    case "noKey":
    case "unauthorized":
      return vscode.LanguageModelError.NoPermissions(problem.text);
    case "rateLimited":
    case "quota":
      return vscode.LanguageModelError.Blocked(problem.text);
    case "noModel":
    case "unknownModel":
      return vscode.LanguageModelError.NotFound(problem.text);
    default:
      return problem.kind === "cancelled" ? new vscode.CancellationError() : new Error(problem.text);
  }
}
