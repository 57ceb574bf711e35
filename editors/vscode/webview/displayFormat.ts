/** Formats numbers, times and locations. Pure. */
import type { Message, Session } from "../src/panel/messages";

export function tokens(usage: { inputTokens: number; outputTokens: number }): string {
  const total = usage.inputTokens + usage.outputTokens;
  if (total < 1000) return `${total} tokens`;
  return total < 1_000_000 ? `${short(total / 1000)}k tokens` : `${short(total / 1_000_000)}M tokens`;
}

/** A short number of tokens: `51k`. */
export function tokenCount(count: number): string {
  return count < 1000 ? String(count) : count < 1_000_000 ? `${short(count / 1000)}k` : `${short(count / 1_000_000)}M`;
}

function short(value: number): string {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value));
}

/** US dollars with two significant digits, however small. */
export function cost(dollars: number): string {
  if (dollars === 0) return "$0";
  return dollars < 0.01 ? `$${dollars.toPrecision(1)}` : `$${dollars.toFixed(2)}`;
}

export function usageOf(of: Session | Message): string {
  if (of.usage === undefined || of.usage.inputTokens + of.usage.outputTokens === 0) return "";
  const spent = of.usage.cost === undefined ? "" : ` · ${cost(of.usage.cost)}`;
  return tokens(of.usage) + spent;
}

export function clock(at: string): string {
  const date = new Date(at);
  const today = new Date().toDateString() === date.toDateString();
  return date.toLocaleString(undefined, today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

/** The last part of a URI's path, decoded. */
export function basename(uri: string): string {
  const path = uri.replace(/[?#].*$/, "").replace(/\/$/, "");
  return decodePart(path.slice(path.lastIndexOf("/") + 1));
}

export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface Range {
  readonly start: { readonly line: number };
  readonly end: { readonly line: number; readonly character: number };
}

/** The first and the last line of a range. A range that ends at the start of a line does not include that line. */
export function selectedLines({ start, end }: Range): { line: number; endLine: number } {
  return { line: start.line, endLine: end.character === 0 && end.line > start.line ? end.line - 1 : end.line };
}

/** One-based lines: `12` or `12–19`. */
export function lines(range: Range): string {
  const { line, endLine } = selectedLines(range);
  return line === endLine ? String(line + 1) : `${line + 1}–${endLine + 1}`;
}
