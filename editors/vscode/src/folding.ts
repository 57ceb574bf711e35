/**
 * An open session as a fold over its events and deltas, with the same rules as the server's `domain/state.py`, without what only
 * the server needs. The panel and the lists show the result. Pure.
 */
import { textOf } from "./format";
import type {
  DeltaParams,
  Event,
  HandedOver,
  History,
  Message,
  Need,
  Opened,
  OpenQuestion,
  Part,
  Participant,
  PermissionAsked,
  Session,
  Usage,
} from "./protocol";

/** Events that do not change the session: opening and forking it. */
const QUIET: readonly string[] = ["participantJoined", "participantLeft", "forked", "shared", "unshared"];

/** A tool call that waits for permission. */
export type Question = OpenQuestion;

/**
 * A session that is open here. `messages` are the newest ones: those with a place, oldest first, then the waiting ones.
 * `more`: there are older ones. `participants` are those who have it open now.
 */
export interface OpenSession {
  readonly session: Session;
  readonly messages: readonly Message[];
  readonly more: boolean;
  readonly participants: readonly Participant[];
}

/** The changes of a step. `moved`: messages were reordered, or added before the end. */
export interface Change {
  readonly session: boolean;
  readonly moved: boolean;
  readonly messages: readonly string[];
  readonly append?: { readonly messageId: string; readonly part: number; readonly text: string };
}

export interface Folded {
  readonly state: OpenSession;
  readonly change: Change;
}

export const NOTHING: Change = { session: false, moved: false, messages: [] };

/**
 * A session from a response to `session/open`. Keeps the older messages of `before` if they are contiguous with the new ones.
 */
export function openedSession(result: Opened, before?: OpenSession): OpenSession {
  const first = result.messages[0];
  const overlap = first === undefined ? -1 : (before?.messages.findIndex((message) => message.id === first.id) ?? -1);
  const kept = overlap > 0 ? (before?.messages.slice(0, overlap) ?? []) : [];
  return {
    session: result.session,
    messages: [...kept, ...result.messages],
    more: kept.length > 0 ? (before?.more ?? false) : result.more,
    participants: result.participants,
  };
}

/** Adds a page of older messages. */
export function withOlder(state: OpenSession, page: History): OpenSession {
  const known = new Set(state.messages.map((message) => message.id));
  return {
    ...state,
    messages: [...page.messages.filter((message) => !known.has(message.id)), ...state.messages],
    more: page.more,
  };
}

/** Updates the session from `session/changed`, unless the state is newer. */
export function withSession(state: OpenSession, session: Session): OpenSession {
  return session.seq >= state.session.seq ? { ...state, session } : state;
}

/** Folds one event. `resync`: earlier events or messages that it moves are missing, and the session must be opened again. */
export function fold(state: OpenSession, event: Event): Folded | "resync" {
  if (event.seq <= state.session.seq) return { state, change: NOTHING };
  if (event.seq > state.session.seq + 1) return "resync";
  const folding = new Folding(state, event);
  folding.run();
  return folding.resync ? "resync" : folding.result();
}

/** Folds new text of the reply being written. `resync`: text before it is missing, and the session must be opened again. */
export function grow(state: OpenSession, delta: DeltaParams): Folded | "resync" {
  const at = findLast(state.messages, delta.messageId);
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

function findLast(messages: readonly Message[], id: string): number {
  return messages.findLastIndex((message) => message.id === id);
}

function asQuestion(event: PermissionAsked): Question {
  const { requestId, messageId, tool, summary, risk, detail, scope, at } = event;
  return {
    requestId,
    messageId,
    agent: event.by !== undefined && "agent" in event.by ? event.by.agent : "",
    tool,
    summary,
    risk,
    at,
    ...(detail !== undefined && { detail }),
    ...(scope !== "" && { scope }),
  };
}

function sameParticipant(one: Participant, other: Participant): boolean {
  return one.id === other.id && one.name === other.name && one.email === other.email;
}

/** One event being folded. */
class Folding {
  private session: Session;
  private messages: Message[];
  private participants: readonly Participant[];
  private asking: readonly Question[];
  private needs: readonly Need[];
  /** The event moves a message that is not loaded here. */
  resync = false;
  private moved = false;
  private readonly touched = new Set<string>();

  constructor(
    private readonly before: OpenSession,
    private readonly event: Event,
  ) {
    this.session = { ...before.session, seq: event.seq };
    this.messages = [...before.messages];
    this.participants = before.participants;
    this.asking = before.session.asking ?? [];
    this.needs = before.session.needs ?? [];
  }

  result(): Folded {
    const quiet = QUIET.includes(this.event.kind);
    const { asking: _asking, present: _present, needs: _needs, ...rest } = this.session;
    const session: Session = {
      ...rest,
      ...(this.asking.length > 0 && { asking: [...this.asking] }),
      ...(this.needs.length > 0 && { needs: [...this.needs] }),
      ...(this.participants.length > 0 && { present: [...this.participants] }),
      ...(quiet ? {} : { updatedAt: this.event.at }),
    };
    return {
      state: {
        session,
        messages: this.messages,
        more: this.before.more,
        participants: this.participants,
      },
      change: { session: true, moved: this.moved, messages: [...this.touched] },
    };
  }

  run(): void {
    const { event } = this;
    this.clearNeeds();
    switch (event.kind) {
      case "renamed":
        this.session.title = event.title;
        break;
      case "paused":
        this.session.state = "paused";
        this.setPauseReason(event.reason);
        break;
      case "resumed":
        this.session.state = "active";
        this.setPauseReason(undefined);
        break;
      case "budgetChanged":
        this.budgetChanged(event.budget);
        break;
      case "shared": {
        const others = this.people.filter((person) => person.id !== event.person.id);
        const known = others.length < this.people.length;
        this.setPeople(
          known ? this.people.map((one) => (one.id === event.person.id ? event.person : one)) : [...others, event.person],
        );
        break;
      }
      case "unshared":
        this.setPeople(this.people.filter((one) => one.id !== event.personId));
        break;
      case "spent":
        this.spend(event.usage);
        break;
      case "archived":
        this.session.state = "archived";
        this.setStopped(undefined); // replies of an archived session cannot be resumed
        break;
      case "unarchived":
        this.session.state = event.state;
        this.setStopped(event.stopped);
        break;
      case "agentSwitched":
        this.agentSwitched(event.agent, event.model);
        break;
      case "participantJoined":
        this.addParticipant(event.participant);
        this.participants = [...this.participants.filter((one) => one.id !== event.participant.id), event.participant];
        this.needs = this.needs.filter((one) => one.kind !== "mention" || one.participant.id !== event.participant.id);
        break;
      case "participantLeft":
        this.participants = this.participants.filter((one) => one.id !== event.participantId);
        break;
      case "handedOver":
        this.handedOver(event);
        break;
      case "compacted":
        if (event.usage !== undefined) this.spend(event.usage);
        break;
      case "messageSent":
        this.messageSent(event.message);
        this.mentioned(event.message, event.at);
        break;
      case "messageSteered":
        this.messageSteered(event.messageId, event.replyId, event.part);
        break;
      case "messageWithdrawn":
        this.session.queued -= 1;
        this.session.messageCount -= 1;
        if (this.remove(event.messageId) === undefined) this.resync = true;
        this.moved = true;
        break;
      case "queueOrdered":
        this.queueOrdered(event.messageIds, event.now);
        break;
      case "replyStarted":
        this.replyStarted(event.messageId, event.replyTo, {
          agent: event.agent,
          model: event.model,
          definition: event.definition,
        });
        break;
      case "stepFinished":
        this.update(event.messageId, (message) => {
          const parts = [...message.parts.slice(0, event.index), ...event.parts];
          return { ...this.withUsage(message, event), parts };
        });
        break;
      case "toolCalled":
      case "toolFinished":
        this.update(event.messageId, (message) => {
          const parts = [...message.parts];
          parts.splice(event.index, 1, event.part);
          return { ...message, parts };
        });
        break;
      case "agentWorked":
        this.update(event.messageId, (message) => ({
          ...this.withUsage(message, event),
          parts: withWork(message.parts, event.path, event.index, event.parts),
        }));
        break;
      case "replyNoticed":
        this.update(event.messageId, ({ notices: _old, ...message }) => ({
          ...message,
          ...(event.notices.length > 0 && { notices: event.notices }),
        }));
        break;
      case "permissionAsked":
        this.asking = [...this.asking, asQuestion(event)];
        break;
      case "permissionAnswered":
        this.asking = this.asking.filter((one) => one.requestId !== event.requestId);
        break;
      case "findingReported":
        this.append(event.finding.messageId, { kind: "finding", finding: event.finding });
        break;
      case "findingChanged":
        this.findingChanged(event.findingId, event.state, event.reason);
        break;
      case "edited":
        this.append(event.messageId, {
          kind: "edit",
          uri: event.uri,
          summary: event.summary,
          applied: event.applied,
          ...(event.patch !== undefined && { patch: event.patch }),
        });
        break;
      case "replyFinished":
        // A reply that ends or stops withdraws its own questions, not those of other replies.
        this.asking = this.asking.filter((one) => one.messageId !== event.message.id);
        this.replyFinished(event.message);
        break;
      case "created":
      case "cancelAsked":
      case "changesReverted":
      case "forked":
        break;
    }
  }

  private agentSwitched(agent: string, model: string | undefined): void {
    const { model: _old, ...rest } = this.session;
    this.session = { ...rest, agent, ...(model !== undefined && { model }) };
  }

  /** Removes the needs of the participant who caused this event. */
  private clearNeeds(): void {
    const { by, kind } = this.event;
    if (by === undefined || !("id" in by) || QUIET.includes(kind)) return;
    this.needs = this.needs.filter((one) => one.participant.id !== by.id);
  }

  private mentioned(message: Message, at: string): void {
    const { author } = message;
    if (!("id" in author)) return;
    for (const id of message.mentions ?? []) {
      const { participants, people = [] } = this.before.session;
      const invited = people.filter((one) => one.id === id).map(({ name }) => ({ id, name: name ?? id }));
      const participant = participants.find((one) => one.id === id) ?? invited[0];
      if (participant === undefined || id === author.id) continue;
      const note = Array.from(textOf(message).trim()).slice(0, 200).join("");
      const others = this.needs.filter((one) => one.kind !== "mention" || one.participant.id !== id);
      const need: Need = { kind: "mention", participant, by: author, messageId: message.id, ...(note && { note }), at };
      this.needs = [...others, need];
    }
  }

  private handedOver({ by, to, note, waiting, at }: HandedOver): void {
    if (by === undefined || !("id" in by)) return;
    if (this.session.participants.some(({ id }) => id === to.id)) this.addParticipant(to);
    const need: Need = {
      kind: "handOver",
      participant: to,
      by,
      ...(note !== undefined && { note }),
      ...(waiting !== undefined && { waiting }),
      at,
    };
    this.needs = [...this.needs.filter((one) => one.kind !== "handOver"), need];
  }

  private addParticipant(participant: Participant): void {
    const known = this.session.participants;
    if (known.some((one) => sameParticipant(one, participant))) return;
    this.session.participants = [...known.filter((one) => one.id !== participant.id), participant];
  }

  private setPauseReason(reason: Session["pauseReason"]): void {
    const { pauseReason: _old, ...rest } = this.session;
    this.session = { ...rest, ...(reason !== undefined && { pauseReason: reason }) };
  }

  /** Sets the people with access. People who may no longer comment are not shown as present. */
  private setPeople(people: NonNullable<Session["people"]>): void {
    this.session.people = people;
    const here = new Set(people.filter(({ role }) => role !== "reader").map(({ id }) => id));
    if (!here.has("team")) this.participants = this.participants.filter(({ id }) => here.has(id));
  }

  /** The people with access. A session that is older than roles belongs to everybody. */
  private get people(): NonNullable<Session["people"]> {
    return this.session.people ?? [{ id: "team", role: "owner" }];
  }

  private budgetChanged(budget: number | undefined): void {
    const { budget: _old, ...rest } = this.session;
    this.session = { ...rest, ...(budget !== undefined && { budget }) };
  }

  private setStopped(how: Session["stopped"]): void {
    const { stopped: _old, ...rest } = this.session;
    this.session = { ...rest, ...(how !== undefined && { stopped: how }) };
  }

  private spend(usage: Usage, counted?: Usage): void {
    this.session.usage = add(this.session.usage, usage, counted);
  }

  /** The reply with its usage so far. */
  private withUsage(message: Message, { usage, steps }: { readonly usage?: Usage; readonly steps?: number }): Message {
    if (usage !== undefined) this.spend(usage, message.usage);
    return { ...message, ...(usage !== undefined && { usage }), ...(steps !== undefined && { steps }) };
  }

  private update(id: string, change: (message: Message) => Message): void {
    const at = findLast(this.messages, id);
    const message = this.messages[at];
    if (message === undefined) return; // older messages are not loaded here
    this.messages[at] = change(message);
    this.touched.add(id);
  }

  private append(id: string, part: Part): void {
    this.update(id, (message) => ({ ...message, parts: [...message.parts, part] }));
  }

  /** The index of the first waiting message. */
  private get waiting(): number {
    return this.messages.findLastIndex((message) => message.status !== "queued") + 1;
  }

  private insert(at: number, message: Message): void {
    if (at < this.messages.length) this.moved = true;
    this.messages.splice(at, 0, message);
    this.touched.add(message.id);
  }

  private remove(id: string): Message | undefined {
    const at = findLast(this.messages, id);
    return at < 0 ? undefined : this.messages.splice(at, 1)[0];
  }

  private messageSent(message: Message): void {
    this.session.messageCount += 1;
    if ("name" in message.author) this.addParticipant(message.author);
    if (message.status === "queued") this.session.queued += 1;
    this.insert(message.status === "queued" ? this.messages.length : this.waiting, message);
  }

  /** Inserts the message before the reply: a reply comes after all messages that it answers. */
  private messageSteered(id: string, replyId: string, part: number): void {
    this.session.queued -= 1;
    const message = this.remove(id);
    const at = findLast(this.messages, replyId);
    const reply = this.remove(replyId);
    if (message === undefined || reply === undefined) {
      this.resync = true;
      return;
    }
    this.moved = true;
    this.insert(at, { ...message, status: "complete", steered: { messageId: replyId, part } });
    // Other messages may have been answered since the reply began.
    this.insert(this.waiting, reply);
  }

  private queueOrdered(ids: readonly string[], now: string | undefined): void {
    const waiting = ids.map((id) => this.messages.find((message) => message.id === id)).filter((one) => one !== undefined);
    if (waiting.length < ids.length) {
      this.resync = true;
      return;
    }
    this.moved = true;
    this.messages.splice(this.waiting, waiting.length, ...waiting);
    if (now !== undefined) this.update(now, ({ delivery: _delivery, ...message }) => message);
  }

  private replyStarted(id: string, replyTo: string, author: Message["author"]): void {
    if (findLast(this.messages, id) < 0) this.addReply(id, replyTo, author);
    this.update(id, (message) => {
      const { error: _error, stopReason: _stopReason, finishedAt: _finishedAt, ...rest } = message;
      return { ...rest, author, status: "replying" };
    });
    this.update(replyTo, (message) => ({ ...message, status: "replying" }));
    this.session.replying = true;
    this.setStopped(undefined);
  }

  /** Moves a waiting message to the end of the answered ones, and adds its reply after it. */
  private addReply(id: string, replyTo: string, author: Message["author"]): void {
    const { sessionId, seq, at } = this.event;
    const place = this.waiting;
    const askedAt = findLast(this.messages, replyTo);
    const waiting = this.before.messages.filter((message) => message.status === "queued").length;
    if (askedAt < 0 || waiting < this.before.session.queued) this.resync = true;
    if (askedAt >= place) {
      this.session.queued -= 1; // (a fork's own copy of a message does not wait)
      const [message] = this.messages.splice(askedAt, 1);
      if (message !== undefined) this.messages.splice(place, 0, { ...message, status: "replying" });
      if (askedAt !== place) this.moved = true;
    }
    this.insert(this.waiting, {
      id,
      sessionId,
      seq,
      role: "agent",
      author,
      replyTo,
      parts: [],
      status: "replying",
      createdAt: at,
    });
    this.session.messageCount += 1;
  }

  private findingChanged(id: string, state: "open" | "fixed" | "dismissed", reason: string | undefined): void {
    const holds = (part: Part): boolean => part.kind === "finding" && part.finding.id === id;
    for (const message of this.messages.filter((one) => one.parts.some(holds))) {
      this.update(message.id, (one) => ({
        ...one,
        parts: one.parts.map((part) => {
          if (part.kind !== "finding" || part.finding.id !== id) return part;
          const { reason: _reason, ...rest } = part.finding;
          return { kind: "finding", finding: { ...rest, state, ...(reason !== undefined && { reason }) } };
        }),
      }));
    }
  }

  private replyFinished(message: Message): void {
    const { replyTo } = message;
    const stopped = stoppedAs(message);
    // A reply that ends with its first event never started: it was cancelled while its message waited, or no model could write
    // it. It does not affect the reply that is being written or that stopped.
    const started = message.seq < this.event.seq;
    if (stopped !== undefined || started) this.setStopped(stopped);
    if (started) this.session.replying = false;
    if (replyTo !== undefined && !started) this.addReply(message.id, replyTo, message.author);
    this.update(message.id, (before) => {
      // (The usage of a fork's copy was counted in its parent.)
      if (started && message.usage !== undefined) this.spend(message.usage, before.usage);
      return { ...message, seq: before.seq, createdAt: before.createdAt };
    });
    const ended = message.status === "complete" || message.status === "cancelled" || message.status === "failed";
    if (replyTo !== undefined) this.update(replyTo, (asked) => ({ ...asked, status: ended ? "complete" : message.status }));
  }
}

/** The parts with the work of an agent that the call at `path` asked. */
function withWork(parts: readonly Part[], path: readonly number[], index: number, work: readonly Part[]): Part[] {
  const [at, ...rest] = path;
  if (at === undefined) return parts.toSpliced(index, work.length, ...work);
  const call = parts[at];
  if (call?.kind !== "tool") return [...parts];
  return parts.with(at, { ...call, parts: withWork(call.parts ?? [], rest, index, work) });
}

/** How a reply stopped that can be resumed. */
function stoppedAs({ status }: Message): Session["stopped"] {
  return status === "paused" || status === "interrupted" || status === "failed" ? status : undefined;
}

function add(total: Usage, usage: Usage, counted: Usage | undefined): Usage {
  const sum = (field: keyof Usage): number => (total[field] ?? 0) + (usage[field] ?? 0) - (counted?.[field] ?? 0);
  const known = (field: keyof Usage): boolean => total[field] !== undefined || usage[field] !== undefined;
  return {
    inputTokens: sum("inputTokens"),
    outputTokens: sum("outputTokens"),
    ...(known("cachedTokens") && { cachedTokens: sum("cachedTokens") }),
    ...(known("cost") && { cost: sum("cost") }),
  };
}
