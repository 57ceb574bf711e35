/** Puts unsent messages back into a draft. Pure. */
import type { Message } from "../protocol";
import { textOf } from "../format";
import type { Chip, Draft } from "./messages";

/** A message that was being sent when the server ended, which may or may not have received it. */
export interface Unconfirmed {
  readonly draft: Draft;
  /** The newest known messages before it. */
  readonly known: readonly string[];
}

/** The messages that the session does not have, as one draft; undefined if it has all of them. */
export function unsentDraft(unconfirmed: readonly Unconfirmed[], messages: readonly Message[]): Draft | undefined {
  const own = messages.filter((message) => message.role === "participant");
  const unsent = unconfirmed.filter(({ draft, known }) => {
    const found = own.findIndex((message) => !known.includes(message.id) && textOf(message) === draft.text);
    if (found >= 0) own.splice(found, 1); // each message counts once, also if another one has the same text
    return found < 0;
  });
  return unsent
    .map(({ draft }) => draft)
    .reduceRight<Draft | undefined>((now, draft) => (now ? joinDrafts(draft, now) : draft), undefined);
}

/** The draft with a refused message before it, because that was written first. */
export function withUnsent(now: Draft, refused: Draft): Draft {
  return now.text.trim() === "" || now.text === refused.text ? refused : joinDrafts(refused, now);
}

function joinDrafts(first: Draft, then: Draft): Draft {
  const agent = then.agent ?? first.agent;
  const text = `${first.text}\n\n${then.text}`;
  return { text, chips: mergeChips(first.chips, then.chips), ...(agent !== undefined && { agent }) };
}

/** The chips of both, without duplicates. */
export function mergeChips(some: readonly Chip[], more: readonly Chip[]): readonly Chip[] {
  return [...some, ...more.filter((chip) => !some.some((old) => old.key === chip.key))];
}
