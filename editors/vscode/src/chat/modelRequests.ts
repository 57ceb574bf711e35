/** Converts VS Code's language model requests to requests to the server. Pure. */
import { Problem } from "../problem";
import type { AnsweredCall, ModelMessage, ModelReplyParams } from "../protocol";

/** The used fields of `vscode.LanguageModelChatRequestMessage`. */
export interface Message {
  /** 1: the user; 2: the assistant; 3: system, which only VS Code itself sends. */
  readonly role: number;
  readonly content: readonly unknown[];
}

const ASSISTANT = 2;
const SYSTEM = 3;
const NOT_CALLED = "The call was not made.";

/** Data that came with a model's call and must be sent back with it, by the call's id. */
export type Reasoning = ReadonlyMap<string, NonNullable<ModelMessage["reasoning"]>>;
const NO_REASONING: Reasoning = new Map();

/** Throws a `Problem` for content that is not supported. */
export function modelMessages(
  messages: readonly Message[],
  reasoning: Reasoning = NO_REASONING,
): Pick<ModelReplyParams, "instructions" | "messages"> {
  const instructions: string[] = [];
  const converted: ModelMessage[] = [];
  const results = new Map(messages.flatMap(({ content }) => content.filter(isResult)).map((one) => [one.callId, one]));
  for (const message of messages) {
    const text = textOf(message);
    const calls = message.content.filter(isCall).map(({ callId, name, input }): AnsweredCall => {
      const result = results.get(callId);
      return { callId, name, arguments: { ...input }, result: result === undefined ? NOT_CALLED : resultText(result.content) };
    });
    if (message.role === SYSTEM) instructions.push(text);
    else if (message.role === ASSISTANT && calls.length > 0) {
      const callReasoning = calls.map(({ callId }) => reasoning.get(callId)).find((found) => found !== undefined);
      converted.push({ role: "agent", text, calls, ...(callReasoning !== undefined && { reasoning: callReasoning }) });
    } else if (text !== "") converted.push({ role: message.role === ASSISTANT ? "agent" : "participant", text });
  }
  const [first, ...rest] = converted;
  if (first === undefined) throw new Problem("invalidParams", "There is nothing to answer.", "Send a message with text.");
  return { messages: [first, ...rest], ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }) };
}

/** The used fields of `vscode.LanguageModelChatTool`. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema?: object | undefined;
}

export function toolParams(tools: readonly Tool[] | undefined, mustCall: boolean): Pick<ModelReplyParams, "tools" | "mustCall"> {
  if (tools === undefined || tools.length === 0) return {};
  return {
    tools: tools.map(({ name, description, inputSchema }) => ({
      name,
      description,
      schema: { ...(inputSchema ?? { type: "object", properties: {} }) },
    })),
    ...(mustCall && { mustCall }),
  };
}

/**
 * Estimates the tokens of a text as a quarter of its bytes. Each model has its own tokenizer, which only its provider knows; the
 * estimate is good enough to decide what fits.
 */
export function estimate(of: string | Message): number {
  const text =
    typeof of === "string" ? of : of.content.map((part) => (isText(part) ? part.value : JSON.stringify(part))).join("");
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** `openai/gpt-4o` → `gpt-4o`: the provider is shown separately. */
export function nameOf(model: string): string {
  return model.slice(model.indexOf("/") + 1);
}

/** The name without a date or a tag at its end. */
export function familyOf(model: string): string {
  return nameOf(model).replace(/(?:[-@:]\d{4}-?\d{2}-?\d{2}|:[\w.-]+)$/, "");
}

interface Text {
  readonly value: string;
}

interface Call {
  readonly callId: string;
  readonly name: string;
  readonly input: object;
}

interface Result {
  readonly callId: string;
  readonly content: readonly unknown[];
}

interface Data {
  readonly mimeType: string;
  readonly data: Uint8Array;
}

function textOf({ content }: Message): string {
  return content.map((part) => (isCall(part) || isResult(part) ? "" : partText(part))).join("");
}

function partText(part: unknown): string {
  if (isText(part)) return part.value;
  // VS Code uses such parts to mark cache points.
  if (isData(part) && part.mimeType === "cache_control") return "";
  if (isData(part) && part.mimeType.startsWith("text/")) return new TextDecoder().decode(part.data);
  throw new Problem("invalidParams", "Models receive only text through sessionls.", "Leave out pictures and other data.");
}

/** Only the text of a tool's result is sent. Each call must have a result. */
function resultText(content: readonly unknown[]): string {
  return content
    .map((part) => (isText(part) ? part.value : isData(part) ? `(${part.mimeType})` : JSON.stringify(part)))
    .join("\n");
}

function isText(part: unknown): part is Text {
  return isObject(part) && typeof part["value"] === "string";
}

function isCall(part: unknown): part is Call {
  return isObject(part) && typeof part["callId"] === "string" && typeof part["name"] === "string" && isObject(part["input"]);
}

function isResult(part: unknown): part is Result {
  return isObject(part) && typeof part["callId"] === "string" && Array.isArray(part["content"]);
}

function isData(part: unknown): part is Data {
  return isObject(part) && typeof part["mimeType"] === "string" && part["data"] instanceof Uint8Array;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
