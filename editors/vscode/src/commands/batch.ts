/** Runs an action on several sessions, and describes the outcome. A failure does not stop the others. Pure. */
import { Problem, problemOf } from "../problem";
import type { Session } from "../protocol";

export interface Failure {
  readonly session: Session;
  readonly problem: Problem;
}

export interface BatchResult {
  readonly done: readonly Session[];
  readonly failed: readonly Failure[];
}

/** After these errors the others would fail, too, for the same reason. */
const FATAL: ReadonlySet<string> = new Set(["serverStopped", "serverStarting", "serverLost"]);

/** Runs the action on one session after the other. Before each, `proceed` can end the batch. */
export async function runBatch(
  sessions: readonly Session[],
  action: (session: Session) => Promise<unknown>,
  proceed: (session: Session) => boolean = () => true,
): Promise<BatchResult> {
  const done: Session[] = [];
  const failed: Failure[] = [];
  let fatal: Problem | undefined;
  for (const session of sessions) {
    if (!proceed(session)) break;
    try {
      if (fatal !== undefined) throw fatal;
      await action(session);
      done.push(session);
    } catch (error) {
      const problem = problemOf(error);
      if (FATAL.has(problem.kind)) fatal = problem;
      failed.push({ session, problem });
    }
  }
  return { done, failed };
}

/** `“Title”` of one session, or the number of several. */
export function describe(sessions: readonly Session[]): string {
  const [first] = sessions;
  return sessions.length === 1 && first !== undefined ? `“${first.title}”` : `${sessions.length} sessions`;
}

/** The number of sessions that are named, and of different reasons that are given. */
const MAX_NAMED = 3;

/** What failed and why: `“A” and “B” were not archived: The database is busy.` Empty if nothing failed. */
export function failureText(participle: string, failed: readonly Failure[]): string {
  const byReason = new Map<string, Session[]>();
  for (const { session, problem } of failed) {
    byReason.set(problem.text, [...(byReason.get(problem.text) ?? []), session]);
  }
  const reasons = [...byReason].slice(0, MAX_NAMED).map(([reason, sessions]) => {
    return `${titles(sessions)} ${sessions.length === 1 ? "was" : "were"} not ${participle}: ${reason}`;
  });
  const more = [...byReason.values()].slice(MAX_NAMED).flat().length;
  return [...reasons, ...(more === 0 ? [] : [`${more} more ${more === 1 ? "was" : "were"} not ${participle}.`])].join(" ");
}

/** What was done, what failed and why. `participle` is lower-case: `archived`. */
export function resultText(participle: string, { done, failed }: BatchResult, place = ""): string {
  const capitalized = participle.charAt(0).toUpperCase() + participle.slice(1);
  const success = done.length === 0 ? "" : `${capitalized} ${describe(done)}${place}.`;
  return [success, failureText(participle, failed)].filter((text) => text !== "").join(" ");
}

/** Throws a `Problem` that says which sessions failed and why, if any did. */
export function throwFailures(participle: string, failed: readonly Failure[]): void {
  const [first] = failed;
  if (first === undefined) return;
  const { kind, reason } = first.problem;
  throw new Problem(kind, failureText(participle, failed), undefined, reason);
}

function titles(sessions: readonly Session[]): string {
  const named = sessions.slice(0, sessions.length > MAX_NAMED ? MAX_NAMED - 1 : MAX_NAMED).map(({ title }) => `“${title}”`);
  const rest = sessions.length - named.length;
  const all = rest > 0 ? [...named, `${rest} more`] : named;
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}
