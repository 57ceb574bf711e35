/** Default texts for commands in VS Code's chat, and escaping for Markdown. Pure. */
import type { Context } from "../protocol";

/** The commands that select an agent for one message. */
export const AGENTS: Readonly<Record<string, string>> = {
  review: "review",
  security: "security",
  explain: "explain",
  research: "research",
  test: "test",
};

/** The message for a command without text; `subject` is what the agent should look at. */
const DEFAULT_TEXTS: Readonly<Record<string, (subject: string) => string>> = {
  review: (subject) => `Review ${subject}.`,
  security: (subject) => `Review ${subject} for security problems.`,
  explain: (subject) => `Explain ${subject}.`,
  test: (subject) => `Write tests for ${subject}.`,
};

/** The subject for a command without further text. */
function subjectOf(context: readonly Context[]): string | undefined {
  const kinds = new Set(context.map((one) => one.kind));
  if (kinds.has("selection")) return "the selected code";
  if (kinds.has("symbol")) return "this symbol";
  if (kinds.has("file")) return context.length === 1 ? "this file" : "these files";
  if (kinds.has("diff")) return "the uncommitted changes";
  return context.length > 0 ? "this" : undefined;
}

export interface ChatMessage {
  readonly text: string;
  readonly context: readonly Context[];
}

/** The message to send; undefined if there is nothing to send. A review without a subject is of the uncommitted changes. */
export function chatMessage(command: string | undefined, text: string, context: readonly Context[]): ChatMessage | undefined {
  if (text !== "") return { text, context };
  const defaultText = command === undefined ? undefined : DEFAULT_TEXTS[command];
  if (defaultText === undefined) return undefined;
  const reviews = command === "review" || command === "security";
  const effectiveContext: readonly Context[] = context.length === 0 && reviews ? [{ kind: "diff" }] : context;
  const subject = subjectOf(effectiveContext);
  return subject === undefined ? undefined : { text: defaultText(subject), context: effectiveContext };
}

/** Escapes the text for Markdown, in one line. */
export function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]()#+\-.!~<>|$&]/g, "\\$&");
}
