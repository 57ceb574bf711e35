/** What becomes of a draft where a message comes back to it. Pure. */
import type { Message } from "../protocol";
import { textOf } from "../format";
import type { Chip, Draft } from "./messages";

/** A message that was on its way when the server ended: it has it, or it has it not. */
export interface Unsure {
  readonly draft: Draft;
  /** The newest messages that were known before it. */
  readonly known: readonly string[];
}

/** What the session does not have of these, as one draft; undefined where it has all of them. */
export function lostOf(unsure: readonly Unsure[], messages: readonly Message[]): Draft | undefined {
  const own = messages.filter((message) => message.role === "participant");
  const lost = unsure.filter(({ draft, known }) => {
    const found = own.findIndex((message) => !known.includes(message.id) && textOf(message) === draft.text);
    if (found >= 0) own.splice(found, 1); // another one with the same words is another message
    return found < 0;
  });
  return lost
    .map(({ draft }) => draft)
    .reduceRight<Draft | undefined>((now, draft) => (now ? joined(draft, now) : draft), undefined);
}

/** The draft with a message that was refused: it was written first, so it stands before what was begun since. */
export function givenBack(now: Draft, refused: Draft): Draft {
  return now.text.trim() === "" || now.text === refused.text ? refused : joined(refused, now);
}

function joined(first: Draft, then: Draft): Draft {
  const agent = then.agent ?? first.agent;
  const text = `${first.text}\n\n${then.text}`;
  return { text, chips: together(first.chips, then.chips), ...(agent !== undefined && { agent }) };
}

/** The chips of both, each once. */
export function together(some: readonly Chip[], more: readonly Chip[]): readonly Chip[] {
  return [...some, ...more.filter((chip) => !some.some((old) => old.key === chip.key))];
}
