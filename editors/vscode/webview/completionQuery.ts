/** Parses the text of the composer: an agent at its start, a completion at the caret. Pure. */
import type { Completion } from "../src/panel/messages";

export interface CompletionQuery {
  readonly kind: "agent" | "person" | "context" | "prompt";
  readonly query: string;
  /** The range of the text that a choice replaces. */
  readonly start: number;
  readonly end: number;
}

/**
 * What to complete at the caret: `@…` or `/…` at the start of the message, `#…` at the start of any word. `@…` at the start of
 * another word is a person: only the first word names an agent.
 */
export function completionAt(text: string, caret: number): CompletionQuery | undefined {
  const before = text.slice(0, caret);
  const agent = /^\s*@([\p{L}\p{N}_.'-]*)$/u.exec(before);
  if (agent?.[1] !== undefined) return { kind: "agent", query: agent[1], start: caret - agent[1].length - 1, end: caret };
  const person = /\s@([\p{L}\p{N}_.'-]*)$/u.exec(before);
  if (person?.[1] !== undefined) return { kind: "person", query: person[1], start: caret - person[1].length - 1, end: caret };
  const prompt = /^\s*\/([\w.:-]*)$/.exec(before);
  if (prompt?.[1] !== undefined) return { kind: "prompt", query: prompt[1], start: caret - prompt[1].length - 1, end: caret };
  const context = /(?:^|\s)#([^\s#]*)$/.exec(before);
  if (context?.[1] !== undefined) return { kind: "context", query: context[1], start: caret - context[1].length - 1, end: caret };
  return undefined;
}

export interface Matches {
  readonly query: string;
  /** The start of the word for which the matches were found. */
  readonly start: number;
  readonly items: readonly Completion[];
}

export const noMatches: Matches = { query: "", start: -1, items: [] };

export interface CompletionList {
  readonly items: readonly Completion[];
  /** The matches are for a shorter word, and newer ones are on their way: no key may choose one. */
  readonly pending: boolean;
}

/** The options to choose from. A list stays visible while its word grows, but is never shown for another word. */
export function completionList(matches: Matches, wanted: CompletionQuery | undefined): CompletionList {
  if (wanted?.kind !== "context") return { items: noMatches.items, pending: false };
  if (matches.start !== wanted.start) return { items: noMatches.items, pending: true };
  return { items: matches.items, pending: matches.query !== wanted.query };
}

/** The text without the given range, and without a double space in its place. */
export function removeRange(text: string, start: number, end: number): string {
  const before = text.slice(0, start);
  const after = text.slice(end);
  return before === "" || /\s$/.test(before) ? before + after.replace(/^ /, "") : before + after;
}
