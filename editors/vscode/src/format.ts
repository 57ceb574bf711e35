/** Formats protocol data for people. Pure. */
import type { Message, Session } from "./protocol";

/** The text of a message, without reasoning, tools, findings and edits. */
export function textOf(message: Message): string {
  return message.parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("\n\n");
}

const INCOMPLETE: Readonly<Partial<Record<NonNullable<Message["stopReason"]>, string>>> = {
  length: "The answer was cut off: the model reached its limit of output tokens.",
  content_filter: "The provider's content filter withheld the rest of the answer.",
  refusal: "The model declined to answer.",
  error: "The provider ended the answer with an error.",
  unknown: "The provider did not say why the answer ended. It may be incomplete.",
  empty: "The model gave no answer.",
};
const GO_ON = ' Send "go on" to let the agent continue.';
const CAN_GO_ON = new Set<Message["stopReason"]>(["length", "error", "unknown", "empty"]);

/** Why an answer with that stop reason is incomplete; undefined if it is complete. */
export function stopReasonText(reason: Message["stopReason"]): string | undefined {
  return reason === undefined ? undefined : INCOMPLETE[reason];
}

/** Why an ended reply is incomplete, and what to do. */
export function incomplete({ status, stopReason }: Message): string | undefined {
  const reason = status === "complete" ? stopReasonText(stopReason) : undefined;
  return reason === undefined ? undefined : `${reason}${CAN_GO_ON.has(stopReason) ? GO_ON : ""}`;
}

const FORKED = " (fork)";

/** A session's title in a list or on a tab. A fork is marked at the start, because the end of a long title is cut off. */
export function displayTitle({ title, parent }: Pick<Session, "title" | "parent">): string {
  return parent !== undefined && title.endsWith(FORKED) ? `Fork: ${title.slice(0, -FORKED.length)}` : title || "New session";
}

/** An amount in US dollars. */
export function dollars(amount: number): string {
  return `$${amount >= 0.1 || amount === 0 ? amount.toFixed(2) : amount.toFixed(4)}`;
}

/** Parses an amount: null for none, undefined for an invalid amount. */
export function amountOf(text: string): number | null | undefined {
  const plain = text.trim().replace(/^\$/, "").trim();
  if (plain === "") return null;
  return /^\d{1,9}(\.\d+)?$/.test(plain) ? Number(plain) : undefined;
}

/** Why a session was paused automatically, and what to do. */
export function pauseText({ state, pauseReason, budget, usage }: Session): string | undefined {
  if (state !== "paused" || pauseReason !== "budget") return undefined;
  const used = usage.cost ?? 0;
  return budget !== undefined && used >= budget
    ? `The session has used ${dollars(used)} of its budget of ${dollars(budget)}. Raise the budget, or remove it, and resume.`
    : "The session was paused when its budget was used up. The budget has been raised since: resume to continue.";
}

/** Decodes a part of a URI; unchanged if its escapes are invalid. */
export function decodePart(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}

/** Code as a Markdown block, whatever backticks it contains. */
export function codeBlock(code: string, language: string): string {
  const longest = Math.max(2, ...Array.from(code.matchAll(/`+/g), ([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${/^[\w+#-]*$/.test(language) ? language : ""}\n${code.replace(/\n$/, "")}\n${fence}`;
}

/** The extension of a document's name, for syntax highlighting; empty if there is none. */
export function extensionOf(path: string): string {
  return /\.(\w+)$/.exec(path)?.[1] ?? "";
}

/** Why a call failed or was denied, from the beginning of its result: `Exit code 3`. Empty if there is no reason. */
export function reasonOf({ status, result }: { readonly status: string; readonly result?: string | undefined }): string {
  if (status !== "failed" && status !== "denied") return "";
  const first = (result ?? "").trimStart().split("\n", 1)[0]?.trim() ?? "";
  return first.length > 100 ? `${first.slice(0, 100)}…` : first.replace(/[.:]+$/, "");
}
