/** Groups the sessions of the list: those that need the person, pinned ones, and the others by date or by state. Pure. */
import { needOf } from "./attention";
import { newestOf, displayState, type Node, type DisplayState } from "./sessionTree";

export const GROUPINGS = ["date", "state", "none"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group {
  readonly key: string;
  readonly label: string;
  readonly nodes: readonly Node[];
}

const DAY = 86_400_000; // milliseconds

const DATES: readonly (readonly [key: string, label: string])[] = [
  ["today", "Today"],
  ["yesterday", "Yesterday"],
  ["week", "Last 7 Days"],
  ["month", "Last 30 Days"],
  ["older", "Older"],
];
const STATES: readonly (readonly [key: string, label: string])[] = [
  ["running", "Running"],
  ["paused", "Paused"],
  ["idle", "Idle"],
  ["archived", "Archived"],
];
const STATE_OF: Readonly<Record<DisplayState, string>> = {
  asks: "running",
  replying: "running",
  waiting: "running",
  paused: "paused",
  interrupted: "paused",
  failed: "idle",
  archived: "archived",
  idle: "idle",
};

/**
 * Omits empty groups. A single group other than the pinned sessions is no help: then this returns `undefined`, and the list is not
 * grouped. An ungrouped list begins with the sessions that need the person, too.
 * `now` is in milliseconds.
 */
export function groupsOf(
  nodes: readonly Node[],
  grouping: Grouping,
  pinned: ReadonlySet<string>,
  now: number,
): readonly Group[] | undefined {
  if (grouping === "none" && !nodes.some(({ session }) => pinned.has(session.id))) return undefined;
  const rest: readonly (readonly [string, string])[] =
    grouping === "date" ? DATES : grouping === "state" ? STATES : [["sessions", "Sessions"]];
  const groups = new Map<string, { readonly label: string; readonly nodes: Node[] }>(
    [["needs", "Needs You"] as const, ["pinned", "Pinned"] as const, ...rest].map(([key, label]) => [key, { label, nodes: [] }]),
  );
  for (const node of nodes) groups.get(keyOf(node, grouping, pinned, now))?.nodes.push(node);
  const filled = [...groups].flatMap(([key, group]) => (group.nodes.length === 0 ? [] : [{ key, ...group }]));
  const [only] = filled;
  return filled.length === 1 && only?.key !== "pinned" ? undefined : filled;
}

function keyOf(node: Node, grouping: Grouping, pinned: ReadonlySet<string>, now: number): string {
  // Also pinned ones: the badge, the status bar and "Next That Needs Me" count all of them.
  if (needs(node)) return "needs";
  if (pinned.has(node.session.id)) return "pinned";
  if (grouping === "none") return "sessions";
  return grouping === "date" ? dateOf(newestOf(node), now) : STATE_OF[displayState(node.session)];
}

/** Whether a session, or a fork below it, needs the person. */
function needs({ session, forks }: Node): boolean {
  return needOf(session) !== undefined || forks.some(needs);
}

/** Groups by days in the person's time zone. */
function dateOf(at: string, now: number): string {
  const today = new Date(now);
  today.setHours(0, 0, 0, 0);
  const days = (today.getTime() - Date.parse(at)) / DAY;
  return days <= 0 ? "today" : days <= 1 ? "yesterday" : days <= 7 ? "week" : days <= 30 ? "month" : "older";
}
