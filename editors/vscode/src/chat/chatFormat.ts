/** What is said in VS Code's chat where a message brings no words of its own, and text made harmless for Markdown. Pure. */
import type { Context } from "../protocol";

/** The commands that name an agent for one message, and the agent. */
export const AGENTS: Readonly<Record<string, string>> = {
  review: "review",
  security: "security",
  explain: "explain",
  research: "research",
  test: "test",
};

/** The message of a command that was given no words; `subject` is what the agent is to look at. */
const ALONE: Readonly<Record<string, (subject: string) => string>> = {
  review: (subject) => `Review ${subject}.`,
  security: (subject) => `Review ${subject} for security problems.`,
  explain: (subject) => `Explain ${subject}.`,
  test: (subject) => `Write tests for ${subject}.`,
};

/** What of the context is meant where the words say no more than the command. */
function subjectOf(context: readonly Context[]): string | undefined {
  const kinds = new Set(context.map((one) => one.kind));
  if (kinds.has("selection")) return "the selected code";
  if (kinds.has("symbol")) return "this symbol";
  if (kinds.has("file")) return context.length === 1 ? "this file" : "these files";
  if (kinds.has("diff")) return "the uncommitted changes";
  return context.length > 0 ? "this" : undefined;
}

export interface Worded {
  readonly text: string;
  readonly context: readonly Context[];
}

/** The message as it is sent; undefined where there is nothing to send. A review of nothing is one of the uncommitted changes. */
export function worded(command: string | undefined, text: string, context: readonly Context[]): Worded | undefined {
  if (text !== "") return { text, context };
  const alone = command === undefined ? undefined : ALONE[command];
  if (alone === undefined) return undefined;
  const reviews = command === "review" || command === "security";
  const meant: readonly Context[] = context.length === 0 && reviews ? [{ kind: "diff" }] : context;
  const subject = subjectOf(meant);
  return subject === undefined ? undefined : { text: alone(subject), context: meant };
}

/** The text as Markdown that shows it as it is, in one line. */
export function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]()#+\-.!~<>|$&]/g, "\\$&");
}
