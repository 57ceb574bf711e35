/** Who has access to a session, what they may do in it, and who has it open now. Pure; host and webview use it. */
import type { Message, Participant, Session } from "./protocol";

export type Role = NonNullable<Session["people"]>[number]["role"];

/** The id that stands for everybody who may log in to the database. */
export const TEAM = "team";

export const TEAM_NAME = "Everybody on the team";

/** From the weakest to the strongest: each role includes the one before it. */
export const ROLES: readonly { readonly role: Role; readonly label: string; readonly detail: string }[] = [
  { role: "reader", label: "Reader", detail: "Reads all of it, sees it live, and forks it" },
  { role: "commenter", label: "Commenter", detail: "Also leaves comments, which wake no agent" },
  { role: "writer", label: "Writer", detail: "Also sends messages to agents, cancels, pauses and renames" },
  { role: "owner", label: "Owner", detail: "Also shares, archives and deletes it, and answers every question of an agent" },
];

function rank(role: Role): number {
  return ROLES.findIndex((one) => one.role === role);
}

/** Whether the role includes `needed`. If the role is unknown, the database decides. */
export function may(role: Role | undefined, needed: Role): boolean {
  return role === undefined || rank(role) >= rank(needed);
}

interface Access {
  readonly people?: Session["people"] | undefined;
}

/** The role of participant `me`: their own or the team's, whichever is stronger. Undefined if it is unknown. */
export function roleOf({ people }: Access, me: string | undefined): Role | undefined {
  if (people === undefined || me === undefined) return undefined;
  const roles = people.filter(({ id }) => id === me || id === TEAM).map(({ role }) => role);
  return roles.toSorted((one, other) => rank(other) - rank(one))[0];
}

/** Somebody in a session, as lists of people show them. */
export interface ListedPerson {
  readonly id: string;
  readonly name: string;
  /** Absent for people who only took part, and if the database is a file. */
  readonly role?: Role;
  readonly here: boolean;
  readonly you: boolean;
}

/** Those who have access or have the session open: owners first, then by role and name; the team last. */
export function peopleOf(session: Session, present: readonly Participant[], me: string | undefined): readonly ListedPerson[] {
  const { people = [], participants } = session;
  const nameOf = new Map([...participants, ...present].map(({ id, name }) => [id, name] as const));
  const here = new Set(present.map(({ id }) => id));
  const listed = people.map(({ id, role, name }) => ({
    id,
    role,
    name: id === TEAM ? TEAM_NAME : (name ?? nameOf.get(id) ?? id),
    here: here.has(id),
    you: id === me,
  }));
  const others = present
    .filter(({ id }) => !people.some((one) => one.id === id))
    .map(({ id, name }) => ({ id, name, here: true, you: id === me }));
  const order = ({ id, role }: ListedPerson): number => (id === TEAM ? 2 : role === undefined ? 1 : -rank(role));
  return [...listed, ...others].toSorted((a, b) => order(a) - order(b) || a.name.localeCompare(b.name));
}

/** Who owns a session and who else has access: `text` for a sentence, `short` for narrow places. Undefined in a file. */
export interface AccessSummary {
  readonly icon: "lock" | "organization";
  readonly text: string;
  readonly short: string;
}

export function accessOf({ people }: Access, me: string | undefined): AccessSummary | undefined {
  if (people === undefined) return undefined;
  const persons = people.filter(({ id }) => id !== TEAM);
  const owners = persons.filter(({ role }) => role === "owner");
  const mine = owners.some(({ id }) => id === me);
  const whose = mine || owners.length === 0 ? "" : `${ownersText(owners)}, `;
  const others = persons.filter(({ id }) => id !== me).length;
  if (people.length > persons.length) return { icon: "organization", text: `${whose}shared with the team`, short: "Team" };
  if (mine && others === 0) return { icon: "lock", text: "private", short: "Private" };
  const count = others === 1 ? "1 person" : `${others} people`;
  if (mine) return { icon: "organization", text: `shared with ${count}`, short: "Shared" };
  return { icon: "organization", text: `${whose}shared with you`, short: "Shared" };
}

/** `Ann's`, or `Ann's and 1 more's`. */
function ownersText(owners: NonNullable<Session["people"]>): string {
  const [first] = owners;
  const name = first?.name ?? first?.id ?? "";
  return owners.length > 1 ? `${name}'s and ${owners.length - 1} more's` : `${name}'s`;
}

/** Names of owners, whom a person can ask for another role. Empty if only the team owns it. */
export function ownerNames({ people = [] }: Access): readonly string[] {
  return people.filter(({ id, role }) => role === "owner" && id !== TEAM).map(({ id, name }) => name ?? id);
}

/** The people whom a message can notify: those who took part or have a role, and may at least comment. */
export function mentionable({ people, participants }: Session, me: string | undefined): readonly Participant[] {
  if (people === undefined) return participants.filter(({ id }) => id !== me);
  const able = people.filter(({ role }) => may(role, "commenter"));
  const known = participants.filter(({ id }) => able.some((one) => one.id === id || one.id === TEAM));
  const invited = able
    .filter(({ id }) => id !== TEAM && !participants.some((one) => one.id === id))
    .map(({ id, name }) => ({ id, name: name ?? id }));
  return [...known, ...invited].filter(({ id }) => id !== me);
}

const PLAIN_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.'-]{0,60}(?: [\p{L}\p{N}_][\p{L}\p{N}_.'-]{0,60}){0,3}$/u;

/** The text after `@` that notifies exactly this participant: the name, or the id if the name is ambiguous. */
export function mentionText({ id, name }: Participant, others: readonly Participant[], agents: readonly string[]): string {
  const same = (one: string): boolean => one.toLowerCase() === name.toLowerCase();
  const taken = agents.some(same) || others.some((other) => other.id !== id && same(other.name));
  return PLAIN_NAME.test(name) && !taken ? name : id;
}

/** Whether a message notifies the participant. */
export function mentions({ mentions: ids = [] }: Message, me: string | undefined): boolean {
  return me !== undefined && ids.includes(me);
}

/** A warning about keys in a session that its readers can see, to be added to a sentence without its full stop. */
export function secretsWarning(secrets: number | undefined): string {
  if (secrets === undefined || secrets === 0) return "";
  return `. They see ${secrets === 1 ? "1 key or token" : `${secrets} keys and tokens`} in it`;
}
