/** The sessions as a tree: forks under their parent, those that need the person first, then the newest. Pure. */
import { needOf, participantId, rankOf } from "./attention";
import { accessOf } from "./people";
import type { Session } from "./protocol";
import { age } from "./relativeTime";

export interface Node {
  readonly session: Session;
  readonly parent: Node | undefined;
  readonly forks: readonly Node[];
}

/**
 * A session is sorted by the newest of itself and its forks, so that new work in a fork of an old session is visible. Archived
 * sessions are omitted unless `archived` is set, and those that do not match the filter.
 */
export function treeOf(sessions: readonly Session[], filter: string, archived = false): readonly Node[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (session: Session): boolean =>
    words.every((word) => session.title.toLowerCase().includes(word) || session.agent.toLowerCase().includes(word));
  const listed = (session: Session): boolean => archived || session.state !== "archived";
  const shown = sessions.filter((session) => listed(session) && fits(session));
  const ids = new Set(shown.map((session) => session.id));
  const children = new Map<string | undefined, Session[]>();
  for (const session of shown) {
    const parent = session.parent !== undefined && ids.has(session.parent.sessionId) ? session.parent.sessionId : undefined;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [session]);
    else siblings.push(session);
  }
  const nodes = (parent: Node | undefined): readonly Node[] =>
    (children.get(parent?.session.id) ?? [])
      .map((session) => {
        const node: Node & { forks: readonly Node[] } = { session, parent, forks: [] };
        node.forks = nodes(node);
        return node;
      })
      .sort((a, b) => rankWithin(b) - rankWithin(a) || later(newestOf(a), newestOf(b)));
  return nodes(undefined);
}

/** Compares two times of the protocol: negative if the first one is later. */
function later(one: string, other: string): number {
  return one > other ? -1 : one < other ? 1 : 0;
}

/** The time of the last change of a session or a fork below it. */
export function newestOf({ session, forks }: Node): string {
  return forks.map(newestOf).reduce((one, other) => (one < other ? other : one), session.updatedAt);
}

/** The highest urgency of a session and the forks below it. */
function rankWithin({ session, forks }: Node): number {
  return Math.max(rankOf(session), ...forks.map(rankWithin));
}

/** A state of a session in lists. `asks`: a question for permission is open. */
export type DisplayState = "asks" | "replying" | "waiting" | "paused" | "interrupted" | "failed" | "archived" | "idle";

/** The codicon of each state. */
export const ICONS: Readonly<Record<DisplayState, string>> = {
  asks: "bell-dot",
  replying: "loading~spin",
  waiting: "watch",
  paused: "debug-pause",
  interrupted: "debug-disconnect",
  failed: "error",
  archived: "archive",
  idle: "comment-discussion",
};

export function displayState(session: Session): DisplayState {
  if (session.asking !== undefined) return "asks";
  if (session.state === "paused") return "paused";
  if (session.state === "archived") return "archived";
  if (session.replying) return "replying";
  if (session.stopped !== undefined) return session.stopped;
  return session.queued > 0 ? "waiting" : "idle";
}

/** The state of a session as text; empty for an idle session. */
export function stateText(session: Session): string {
  const need = needOf(session);
  if (need !== undefined) return `needs you: ${need}`;
  const state = displayState(session);
  const reason = state === "paused" && session.pauseReason === "budget" ? " (budget)" : "";
  return state === "waiting" ? `${session.queued} waiting` : state === "idle" ? "" : `${state}${reason}`;
}

/** Who owns a session and who else has access, if the database knows. */
export function accessText(session: Session): string {
  return accessOf(session, participantId())?.text ?? "";
}

/** The icon of a session in a list. An idle session that others can access has a separate icon. */
export function iconOf(session: Session, fork: boolean): string {
  const showing = displayState(session);
  if (showing !== "idle") return ICONS[showing];
  if (accessOf(session, participantId())?.icon === "organization") return "organization";
  return fork ? "repo-forked" : ICONS.idle;
}

/** The number of participants, and those who have the session open now. */
function peopleText(session: Session): string {
  const present = (session.present ?? []).map((one) => one.name);
  return present.length === 0 ? `${session.participants.length} participants` : `open: ${namesText(present)}`;
}

/** The first names of a list, and how many more there are. */
export function namesText(names: readonly string[], most = 3): string {
  return [...names.slice(0, most), ...(names.length > most ? [`${names.length - most} more`] : [])].join(", ");
}

/** The description after a session's title in a list. */
export function descriptionOf(session: Session, now: number): string {
  const others = session.participants.length > 1 ? peopleText(session) : "";
  // The end is cut off in a narrow view.
  return [stateText(session), session.agent, others, age(session.updatedAt, now)].filter(Boolean).join(" · ");
}
