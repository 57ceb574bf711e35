/** Who takes part in a session, who has access to it, and for whom something waits in it, as events change them. Pure. */
import { textOf } from "../format";
import type { HandedOver, Message, Need, Participant, Session } from "../protocol";

type People = NonNullable<Session["people"]>;

export function withParticipant(known: readonly Participant[], participant: Participant): Participant[] {
  const { id, name, email } = participant;
  if (known.some((one) => one.id === id && one.name === name && one.email === email)) return [...known];
  return [...known.filter((one) => one.id !== id), participant];
}

/** The people with access. A session that is older than roles belongs to everybody. */
export function peopleWithAccess({ people }: Session): People {
  return people ?? [{ id: "team", role: "owner" }];
}

/** Gives one person a role, or another role. */
export function withPerson(people: People, person: People[number]): People {
  const known = people.some(({ id }) => id === person.id);
  return known ? people.map((one) => (one.id === person.id ? person : one)) : [...people, person];
}

/** Those who are present and may at least comment. Others are not shown as present. */
export function presentWithAccess(present: readonly Participant[], people: People): readonly Participant[] {
  const ids = new Set(people.filter(({ role }) => role !== "reader").map(({ id }) => id));
  return ids.has("team") ? present : present.filter(({ id }) => ids.has(id));
}

const NOTE = 200; // characters

/** The needs after a message, which may mention people. */
export function needsAfterMessage(
  needs: readonly Need[],
  { participants, people = [] }: Session,
  message: Message,
  at: string,
): readonly Need[] {
  const { author } = message;
  if (!("id" in author)) return needs;
  let result = needs;
  for (const id of message.mentions ?? []) {
    const invited = people.filter((one) => one.id === id).map(({ name }) => ({ id, name: name ?? id }));
    const participant = participants.find((one) => one.id === id) ?? invited[0];
    if (participant === undefined || id === author.id) continue;
    const note = Array.from(textOf(message).trim()).slice(0, NOTE).join("");
    const others = result.filter((one) => one.kind !== "mention" || one.participant.id !== id);
    const need: Need = { kind: "mention", participant, by: author, messageId: message.id, ...(note && { note }), at };
    result = [...others, need];
  }
  return result;
}

/** The needs after a hand-over, which replaces an earlier one. */
export function needsAfterHandOver(needs: readonly Need[], { by, to, note, waiting, at }: HandedOver): readonly Need[] {
  if (by === undefined || !("id" in by)) return needs;
  const need: Need = {
    kind: "handOver",
    participant: to,
    by,
    ...(note !== undefined && { note }),
    ...(waiting !== undefined && { waiting }),
    at,
  };
  return [...needs.filter((one) => one.kind !== "handOver"), need];
}
