/**
 * Which sessions need the person: an open question for permission, a hand-over to them, an interrupted or a failed reply.
 * Pure except for the participant at this editor.
 */
import { may, roleOf } from "./people";
import type { Session } from "./protocol";

export type Need = "permission" | "handed over" | "mentioned" | "interrupted" | "failed";

let ownId: string | undefined;

/** The id of the participant at this editor. What waits for other participants is ignored. */
export function setParticipant(id: string | undefined): void {
  ownId = id;
}

export function participantId(): string | undefined {
  return ownId;
}

/** What a session needs the person for; undefined if it does not need them. */
export function needOf({ state, asking, stopped, needs, people }: Session): Need | undefined {
  // What a role does not allow needs others.
  const writes = may(roleOf({ people }, ownId), "writer");
  if (asking !== undefined && writes) return "permission";
  const mine = (needs ?? []).filter((need) => state !== "archived" && need.participant.id === ownId);
  if (mine.length > 0) return mine.some((need) => need.kind === "handOver") ? "handed over" : "mentioned";
  if (state !== "active" || !writes) return undefined;
  return stopped === "interrupted" || stopped === "failed" ? stopped : undefined;
}

const RANKS: Readonly<Record<Need, number>> = { permission: 2, "handed over": 2, mentioned: 2, interrupted: 1, failed: 1 };

/** The urgency of a session: an open question blocks a reply, so it ranks above stopped replies. */
export function rankOf(session: Session): number {
  const need = needOf(session);
  return need === undefined ? 0 : RANKS[need];
}

/** Sorts sessions that need the person first, then the newest. */
export function byAttention(a: Session, b: Session): number {
  const rank = rankOf(b) - rankOf(a);
  return rank !== 0 ? rank : a.updatedAt < b.updatedAt ? 1 : a.updatedAt > b.updatedAt ? -1 : 0;
}

/** The sessions that need the person, as counted at the view's icon and in the status bar, and visited by "Next That Needs Me". */
export function inNeed(sessions: readonly Session[]): readonly Session[] {
  return sessions.filter((session) => needOf(session) !== undefined);
}

/** The session after `current` among those that need the person; after the last one comes the first. */
export function nextInNeed(sessions: readonly Session[], current: string | undefined): Session | undefined {
  const waiting = inNeed(sessions);
  return waiting[(waiting.findIndex(({ id }) => id === current) + 1) % waiting.length];
}

export function needText(count: number): string {
  return count === 1 ? "A session needs you" : `${count} sessions need you`;
}

/** One line for each session that needs the person. */
export function needLines(sessions: readonly Session[]): readonly string[] {
  return sessions.flatMap((session) => {
    const { title, asking = [] } = session;
    switch (needOf(session)) {
      case "permission":
        return asking.map(({ agent, summary }) => `${title}: ${agent} asks: ${summary}`);
      case "handed over":
      case "mentioned":
        return (session.needs ?? [])
          .filter((need) => need.participant.id === ownId)
          .map(({ kind, by, note }) => {
            const action = kind === "handOver" ? `handed over by ${by.name}` : `${by.name} mentions you`;
            return `${title}: ${action}${note === undefined ? "" : `: ${note}`}`;
          });
      case "interrupted":
        return [`${title}: a reply was interrupted`];
      case "failed":
        return [`${title}: a reply failed`];
      case undefined:
        return [];
    }
  });
}
