/** Adds the streamed text of a reply to an open session. Pure. */
import type { DeltaParams, Message, Part } from "../protocol";
import { NOTHING, type Change, type Folded, type OpenSession } from "./openSession";

/** Folds new text of the reply being written. `resync`: text before it is missing, and the session must be opened again. */
export function grow(state: OpenSession, delta: DeltaParams): Folded | "resync" {
  const at = state.messages.findLastIndex(({ id }) => id === delta.messageId);
  const message = state.messages[at];
  if (message === undefined) return "resync";
  if (message.status !== "replying") return { state, change: NOTHING };
  const part = message.parts[delta.part];
  const known = part === undefined ? 0 : part.kind === "text" || part.kind === "reasoning" ? points(part) : -1;
  if (delta.part > message.parts.length || known < 0 || delta.offset > known) return "resync";
  const text =
    delta.offset === known
      ? delta.text
      : Array.from(delta.text)
          .slice(known - delta.offset)
          .join("");
  if (text === "" && part !== undefined) return { state, change: NOTHING };
  const grown: Part =
    part !== undefined && "text" in part ? { kind: part.kind, text: part.text + text } : { kind: delta.kind, text };
  LENGTHS.set(grown, known + length(text));
  const next: Message = {
    ...message,
    parts: part === undefined ? [...message.parts, grown] : message.parts.with(delta.part, grown),
  };
  const change: Change =
    part === undefined
      ? { session: false, moved: false, messages: [message.id] }
      : { session: false, moved: false, messages: [], append: { messageId: message.id, part: delta.part, text } };
  return { state: { ...state, messages: state.messages.with(at, next) }, change };
}

// The length of a growing text, in code points, so that each delta costs only what it brings.
const LENGTHS = new WeakMap<Part, number>();

function points(part: Part & { text: string }): number {
  const known = LENGTHS.get(part);
  if (known !== undefined) return known;
  const counted = length(part.text);
  LENGTHS.set(part, counted);
  return counted;
}

function length(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
