/**
 * Folds events into an open session, with the same rules as the server's `domain/state.py`, without what only the server needs. The
 * panel and the lists show the result. Pure.
 */
import type { Event, HandedOver, Message, Need, Part, Participant, PermissionAsked, Session, Usage } from "../protocol";
import { MessageList } from "./messageList";
import { NOTHING, type Folded, type OpenSession, type Question } from "./openSession";
import {
  needsAfterHandOver,
  needsAfterMessage,
  peopleWithAccess,
  presentWithAccess,
  withParticipant,
  withPerson,
} from "./people";
import { addUsage, stoppedAs, withWork } from "./replies";

/** Events that do not change the session: opening and forking it. */
const QUIET: readonly string[] = ["participantJoined", "participantLeft", "forked", "shared", "unshared"];

/** Folds one event. `resync`: earlier events or messages that it moves are missing, and the session must be opened again. */
export function fold(state: OpenSession, event: Event): Folded | "resync" {
  if (event.seq <= state.session.seq) return { state, change: NOTHING };
  if (event.seq > state.session.seq + 1) return "resync";
  const folding = new Folding(state, event);
  folding.run();
  return folding.resync ? "resync" : folding.result();
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

/** One event being folded. */
class Folding {
  private session: Session;
  private readonly messages: MessageList;
  private participants: readonly Participant[];
  private asking: readonly Question[];
  private needs: readonly Need[];
  /** The event moves a message that is not loaded here. */
  resync = false;

  constructor(
    private readonly before: OpenSession,
    private readonly event: Event,
  ) {
    this.session = { ...before.session, seq: event.seq };
    this.messages = new MessageList(before.messages);
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
        messages: this.messages.all,
        more: this.before.more,
        participants: this.participants,
      },
      change: { session: true, moved: this.messages.moved, messages: this.messages.changed },
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
      case "shared":
        this.setPeople(withPerson(peopleWithAccess(this.session), event.person));
        break;
      case "unshared":
        this.setPeople(peopleWithAccess(this.session).filter((one) => one.id !== event.personId));
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
        this.needs = needsAfterMessage(this.needs, this.before.session, event.message, event.at);
        break;
      case "messageSteered":
        this.messageSteered(event.messageId, event.replyId, event.part);
        break;
      case "messageWithdrawn":
        this.session.queued -= 1;
        this.session.messageCount -= 1;
        if (this.messages.remove(event.messageId) === undefined) this.resync = true;
        this.messages.moved = true;
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
        this.messages.update(event.messageId, (message) => {
          const parts = [...message.parts.slice(0, event.index), ...event.parts];
          return { ...this.withUsage(message, event), parts };
        });
        break;
      case "toolCalled":
      case "toolFinished":
        this.messages.update(event.messageId, (message) => {
          const parts = [...message.parts];
          parts.splice(event.index, 1, event.part);
          return { ...message, parts };
        });
        break;
      case "agentWorked":
        this.messages.update(event.messageId, (message) => ({
          ...this.withUsage(message, event),
          parts: withWork(message.parts, event.path, event.index, event.parts),
        }));
        break;
      case "replyNoticed":
        this.messages.update(event.messageId, ({ notices: _old, ...message }) => ({
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
        this.messages.appendPart(event.finding.messageId, { kind: "finding", finding: event.finding });
        break;
      case "findingChanged":
        this.findingChanged(event.findingId, event.state, event.reason);
        break;
      case "edited":
        this.messages.appendPart(event.messageId, {
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

  private handedOver(event: HandedOver): void {
    const { by, to } = event;
    if (by === undefined || !("id" in by)) return;
    if (this.session.participants.some(({ id }) => id === to.id)) this.addParticipant(to);
    this.needs = needsAfterHandOver(this.needs, event);
  }

  private addParticipant(participant: Participant): void {
    this.session.participants = withParticipant(this.session.participants, participant);
  }

  private setPauseReason(reason: Session["pauseReason"]): void {
    const { pauseReason: _old, ...rest } = this.session;
    this.session = { ...rest, ...(reason !== undefined && { pauseReason: reason }) };
  }

  private setPeople(people: NonNullable<Session["people"]>): void {
    this.session.people = people;
    this.participants = presentWithAccess(this.participants, people);
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
    this.session.usage = addUsage(this.session.usage, usage, counted);
  }

  /** The reply with its usage so far. */
  private withUsage(message: Message, { usage, steps }: { readonly usage?: Usage; readonly steps?: number }): Message {
    if (usage !== undefined) this.spend(usage, message.usage);
    return { ...message, ...(usage !== undefined && { usage }), ...(steps !== undefined && { steps }) };
  }

  private messageSent(message: Message): void {
    this.session.messageCount += 1;
    if ("name" in message.author) this.addParticipant(message.author);
    if (message.status === "queued") this.session.queued += 1;
    this.messages.insert(message.status === "queued" ? this.messages.all.length : this.messages.firstWaiting, message);
  }

  /** Inserts the message before the reply: a reply comes after all messages that it answers. */
  private messageSteered(id: string, replyId: string, part: number): void {
    this.session.queued -= 1;
    const message = this.messages.remove(id);
    const at = this.messages.indexOf(replyId);
    const reply = this.messages.remove(replyId);
    if (message === undefined || reply === undefined) {
      this.resync = true;
      return;
    }
    this.messages.moved = true;
    this.messages.insert(at, { ...message, status: "complete", steered: { messageId: replyId, part } });
    // Other messages may have been answered since the reply began.
    this.messages.insert(this.messages.firstWaiting, reply);
  }

  private queueOrdered(ids: readonly string[], now: string | undefined): void {
    const waiting = ids.map((id) => this.messages.all.find((message) => message.id === id)).filter((one) => one !== undefined);
    if (waiting.length < ids.length) {
      this.resync = true;
      return;
    }
    this.messages.reorderWaiting(waiting);
    if (now !== undefined) this.messages.update(now, ({ delivery: _delivery, ...message }) => message);
  }

  private replyStarted(id: string, replyTo: string, author: Message["author"]): void {
    if (this.messages.indexOf(id) < 0) this.addReply(id, replyTo, author);
    this.messages.update(id, (message) => {
      const { error: _error, stopReason: _stopReason, finishedAt: _finishedAt, ...rest } = message;
      return { ...rest, author, status: "replying" };
    });
    this.messages.update(replyTo, (message) => ({ ...message, status: "replying" }));
    this.session.replying = true;
    this.setStopped(undefined);
  }

  /** Moves a waiting message to the end of the answered ones, and adds its reply after it. */
  private addReply(id: string, replyTo: string, author: Message["author"]): void {
    const { sessionId, seq, at } = this.event;
    const askedAt = this.messages.indexOf(replyTo);
    const waiting = this.before.messages.filter((message) => message.status === "queued").length;
    if (askedAt < 0 || waiting < this.before.session.queued) this.resync = true;
    if (askedAt >= this.messages.firstWaiting) {
      this.session.queued -= 1; // (a fork's own copy of a message does not wait)
      this.messages.startAnswering(askedAt);
    }
    this.messages.insert(this.messages.firstWaiting, {
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
    for (const message of this.messages.all.filter((one) => one.parts.some(holds))) {
      this.messages.update(message.id, (one) => ({
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
    this.messages.update(message.id, (before) => {
      // (The usage of a fork's copy was counted in its parent.)
      if (started && message.usage !== undefined) this.spend(message.usage, before.usage);
      return { ...message, seq: before.seq, createdAt: before.createdAt };
    });
    const ended = message.status === "complete" || message.status === "cancelled" || message.status === "failed";
    if (replyTo !== undefined)
      this.messages.update(replyTo, (asked) => ({ ...asked, status: ended ? "complete" : message.status }));
  }
}
