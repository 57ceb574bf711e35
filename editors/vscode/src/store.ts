/** The known sessions: those in lists, and open ones with their messages. The panel and the tree show this. */
import type { DeltaParams, Event, History, Opened, Session, SessionChangedParams } from "./protocol";
import { byAttention } from "./attention";
import { Emitter } from "./emitter";
import { grow } from "./folding/deltas";
import { fold } from "./folding/events";
import {
  NOTHING,
  openedSession,
  withOlder,
  withSession,
  type Change,
  type Folded,
  type OpenSession,
} from "./folding/openSession";

/**
 * A change of an open session. `whole`: show all of it again; `older`: older messages were added; `gone`: it was deleted, or the
 * person has lost access to it (`accessLost`).
 */
export type OpenChange =
  | { readonly sessionId: string; readonly kind: "step"; readonly change: Change }
  | { readonly sessionId: string; readonly kind: "whole" | "older" }
  | { readonly sessionId: string; readonly kind: "gone"; readonly accessLost: boolean };

/** `resync`: events or text are missing, and the session must be opened again. */
export type StepResult = "resync" | undefined;

export class Store {
  private readonly listed = new Map<string, Session>();
  private readonly opened = new Map<string, OpenSession>();
  /** Questions that were answered here, until the server confirms it. */
  private readonly answered = new Set<string>();
  /** Sessions that were deleted here and can still be restored. */
  private readonly hidden = new Set<string>();
  /** The sorted list until something changes in it, because several listeners read it after each change. */
  private sorted: readonly Session[] | undefined;
  private readonly listChanged = new Emitter<void>();
  private readonly openChanged = new Emitter<OpenChange>();

  /** The sessions in lists have changed. */
  readonly onDidChangeList = this.listChanged.event;
  readonly onDidChangeOpen = this.openChanged.event;

  /** The known sessions of the open folders, except hidden ones: those that need the person first, each newest first. */
  get sessions(): readonly Session[] {
    this.sorted ??= [...this.listed.values()]
      .filter(({ id }) => !this.hidden.has(id))
      .map((session) => this.withoutAnswered(session))
      .sort(byAttention);
    return this.sorted;
  }

  /** Leaves sessions out of the list for a while, or lists them again. */
  hide(ids: readonly string[], hidden: boolean): void {
    this.sorted = undefined;
    for (const id of ids) {
      if (hidden) this.hidden.add(id);
      else this.hidden.delete(id);
    }
    this.listChanged.fire();
  }

  isHidden(id: string): boolean {
    return this.hidden.has(id);
  }

  isListed(id: string): boolean {
    return this.listed.has(id);
  }

  /** A known session, from a list or because it is open. */
  session(id: string): Session | undefined {
    const known = this.opened.get(id)?.session ?? this.listed.get(id);
    return known && this.withoutAnswered(known);
  }

  open(id: string): OpenSession | undefined {
    const state = this.opened.get(id);
    if (state === undefined) return undefined;
    const session = this.withoutAnswered(state.session);
    return session === state.session ? state : { ...state, session };
  }

  /** The response to `session/list`. Replaces the list, or adds a page to it. */
  setList(sessions: readonly Session[], further = false): void {
    this.sorted = undefined;
    const before = new Map(this.listed);
    if (!further) this.listed.clear();
    for (const session of sessions) {
      // Notifications that arrived after the request are newer.
      const known = before.get(session.id);
      this.listed.set(session.id, known !== undefined && known.seq > session.seq ? known : session);
    }
    this.listChanged.fire();
  }

  /** The response to a request that returns a session. */
  putSession(session: Session): void {
    this.changed({ session });
  }

  /** `session/changed`. */
  changed({ session, deleted, accessLost = false }: SessionChangedParams): void {
    this.sorted = undefined;
    if (deleted !== undefined) {
      this.listed.delete(deleted);
      if (this.opened.delete(deleted)) this.openChanged.fire({ sessionId: deleted, kind: "gone", accessLost });
    }
    if (session !== undefined) {
      const known = this.listed.get(session.id);
      if (known === undefined || session.seq >= known.seq) this.listed.set(session.id, session);
      const state = this.opened.get(session.id);
      const next = state && withSession(state, session);
      if (next !== undefined && next !== state) {
        this.opened.set(session.id, next);
        this.step(session.id, { ...NOTHING, session: true });
      }
    }
    this.listChanged.fire();
  }

  /** The response to `session/open`. */
  setOpen(result: Opened): void {
    const { id } = result.session;
    this.opened.set(id, openedSession(result, this.opened.get(id)));
    this.openChanged.fire({ sessionId: id, kind: "whole" });
    this.putSession(result.session);
  }

  close(id: string): void {
    this.opened.delete(id);
  }

  addOlder(id: string, page: History): void {
    const state = this.opened.get(id);
    if (state === undefined) return;
    this.opened.set(id, withOlder(state, page));
    this.openChanged.fire({ sessionId: id, kind: "older" });
  }

  event(event: Event): StepResult {
    return this.applyStep(event.sessionId, (state) => fold(state, event));
  }

  delta(delta: DeltaParams): StepResult {
    return this.applyStep(delta.sessionId, (state) => grow(state, delta));
  }

  /** Hides a question that is being answered here; `failed`: shows it again. */
  answer(sessionId: string, requestId: string, failed = false): void {
    this.sorted = undefined;
    if (failed) this.answered.delete(requestId);
    else this.answered.add(requestId);
    if (this.opened.has(sessionId)) this.step(sessionId, { ...NOTHING, session: true });
    this.listChanged.fire();
  }

  private withoutAnswered(session: Session): Session {
    const { asking, ...rest } = session;
    const open = asking?.filter((question) => !this.answered.has(question.requestId));
    if (asking === undefined || open?.length === asking.length) return session;
    return open === undefined || open.length === 0 ? rest : { ...rest, asking: open };
  }

  private applyStep(id: string, step: (state: OpenSession) => Folded | "resync"): StepResult {
    const state = this.opened.get(id);
    if (state === undefined) return undefined;
    const result = step(state);
    if (typeof result === "string") return "resync";
    if (result.state !== state) {
      this.opened.set(id, result.state);
      this.step(id, result.change);
    }
    return undefined;
  }

  private step(sessionId: string, change: Change): void {
    this.openChanged.fire({ sessionId, kind: "step", change });
  }
}
