/**
 * The same logs as the server's fold is tested with (tests/test_event_logs.py): this fold tells the same of them, after each event.
 * `make docs` writes the file (scripts/generate_event_logs.py).
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fold } from "../../src/folding/events";
import { openedSession, type OpenSession } from "../../src/folding/openSession";
import type { Event, Message, Participant, Session } from "../../src/protocol";

interface Whole {
  readonly session: Session;
  readonly messages: readonly Message[];
  readonly participants: readonly Participant[];
}

interface Case {
  readonly name: string;
  readonly opened: Whole & { readonly after: number };
  readonly events: readonly Event[];
  readonly steps: readonly unknown[];
  readonly expected: Whole;
}

const cases = JSON.parse(readFileSync(new URL("../../../../tests/event-logs.json", import.meta.url), "utf-8")) as readonly Case[];

/** What lists and panels show of a session. */
function told({ session, participants }: OpenSession): readonly unknown[] {
  const asking = (session.asking ?? []).map((question) => question.requestId);
  const people = session.participants.map((one) => one.id);
  const present = participants.map((one) => one.id);
  return [session.replying, session.stopped ?? null, session.queued, asking, people, present, session.updatedAt];
}

/** The log, as who opened the session sees it who knows its newest `window` messages. */
function run({ opened: { after, ...from }, events, steps }: Case, window = Infinity): OpenSession | "resync" {
  const known = window === Infinity ? [...from.messages] : from.messages.slice(Math.max(0, from.messages.length - window));
  const result = { ...from, messages: known, participants: [...from.participants], seq: from.session.seq };
  let state = openedSession({ ...result, more: known.length < from.messages.length });
  for (const [index, event] of events.slice(after).entries()) {
    const folded = fold(state, event);
    if (folded === "resync") return "resync";
    state = folded.state;
    expect([event.seq, event.kind, told(state)]).toEqual([event.seq, event.kind, steps[index]]);
  }
  return state;
}

describe("a log", () => {
  it.each(cases.map((one) => [one.name, one] as const))("folds as on the server: %s", (_, one) => {
    expect(run(one)).toEqual({ ...one.expected, more: false });
  });

  it.each([1, 2, 3])("folds to the same state, or needs a resync, if only %s messages are known", (window) => {
    const runs = cases.map((one) => ({ one, state: run(one, window) }));
    for (const { one, state } of runs) {
      if (state === "resync") continue;
      expect(state.session).toEqual(one.expected.session);
      expect(state.messages).toEqual(one.expected.messages.slice(one.expected.messages.length - state.messages.length));
    }
    expect(runs.some(({ one, state }) => state !== "resync" && state.messages.length < one.expected.messages.length)).toBe(true);
  });
});
