/** Keeps the store in sync with the server: joins and leaves sessions, fetches missing data, and recovers after a restart. */
import type { CancellationToken } from "vscode";
import type { Agent, AgentList, DeltaParams, Event, Exchange, MessageParams, Session } from "./protocol";
import type { Api } from "./api";
import { setParticipant } from "./attention";
import { Emitter, type Disposable } from "./emitter";
import { problemOf } from "./problem";
import { Store } from "./store";

/** Messages fetched when a session is opened, and for each page of older ones. */
export const PAGE = 50;
const LIST_PAGE = 100;
/** The longest page of a list that the server returns. */
const MAX_LIST_PAGE = 500;
/** Sessions outside the loaded pages: how many are requested at once, and how often, because a parent may itself be a fork. */
const MISSING = 100;
const MAX_GENERATIONS = 20;
/** How far back a message is searched, and how many are fetched at a time. */
export const REACH = 2000;
const REACH_PAGE = 200;

export class Sessions {
  readonly store = new Store();
  private known: AgentList = { agents: [], default: "" };
  /** The lists that are shown, with the cursor of their next page, if any. */
  private lists = new Map<"archived" | undefined, string | undefined>([[undefined, undefined]]);
  private listLength = LIST_PAGE;
  private listRound = 0;
  private hasList = false;
  private listProblem = false;
  private titleFilter = "";
  private always: () => Iterable<string> = () => [];
  /** Sessions that were requested and do not exist. */
  private readonly absent = new Set<string>();
  private readonly joined = new Map<string, number>();
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly paging = new Map<string, Promise<void>>();
  private readonly agentsChanged = new Emitter<void>();
  private readonly failed = new Emitter<unknown>();
  private readonly subscriptions: Disposable[];

  readonly onDidChangeAgents = this.agentsChanged.event;
  /** A background task failed. */
  readonly onError = this.failed.event;

  constructor(private readonly api: Api) {
    this.subscriptions = [
      api.onEvent((event) => {
        this.applyEvent(event);
      }),
      api.onDelta((delta) => {
        this.applyDelta(delta);
      }),
      api.onChanged((params) => {
        this.store.changed(params);
        const parent = params.session?.parent?.sessionId;
        if (parent !== undefined && this.hasList && this.isMissing(parent)) this.quietly(this.listMissing());
      }),
      api.onAgentsChanged(() => {
        this.quietly(this.refreshAgents());
      }),
      api.onConnected(() => {
        this.quietly(this.reconnect());
      }),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  get agents(): readonly Agent[] {
    return this.known.agents;
  }

  /** The default agent of new sessions. */
  get defaultAgent(): string {
    return this.known.default;
  }

  /** Whether a server has listed its sessions. Before that it is not known whether there are any. */
  get listed(): boolean {
    return this.hasList;
  }

  /** Whether the list could not be loaded. */
  get listFailed(): boolean {
    return this.listProblem;
  }

  /** Whether the lists have more pages. */
  get listHasMore(): boolean {
    return [...this.lists.values()].some((cursor) => cursor !== undefined);
  }

  /** Lists the sessions again, as many pages as before. */
  async refreshList(): Promise<void> {
    const round = ++this.listRound;
    const loading = Promise.all([...this.lists.keys()].map((state) => this.page(state, this.listLength)));
    const pages = await loading.then(
      async (found) => [...found.flat(), ...(await this.matchingSessions())],
      (error: unknown) => {
        if (round === this.listRound) this.listProblem = true;
        throw error;
      },
    );
    if (round !== this.listRound) return; // a later one is newer
    this.hasList = true;
    this.listProblem = false;
    this.store.setList(pages);
    await this.listMissing();
  }

  /** Also lists the next page of sessions. */
  async moreOfList(): Promise<void> {
    const unfinished = [...this.lists].filter(([, cursor]) => cursor !== undefined);
    const pages = await Promise.all(unfinished.map(([state, cursor]) => this.page(state, LIST_PAGE, cursor)));
    this.listLength = Math.min(this.listLength + LIST_PAGE, MAX_LIST_PAGE);
    this.store.setList(pages.flat(), true);
    await this.listMissing();
  }

  /** These sessions are always listed, whatever the loaded pages contain. */
  listAlways(ids: () => Iterable<string>): void {
    this.always = ids;
  }

  /** Adds sessions that are missing from the loaded pages: parents of forks, and those that are always listed. */
  async listMissing(): Promise<void> {
    for (let generation = 0; generation < MAX_GENERATIONS; generation += 1) {
      const parents = this.store.sessions.flatMap(({ parent }) => (parent === undefined ? [] : [parent.sessionId]));
      const wanted = new Set([...this.always(), ...parents]);
      const missing = [...wanted].filter((id) => this.isMissing(id)).slice(0, MISSING);
      if (missing.length === 0) return;
      const found = await Promise.all(missing.map((id) => this.lookUp(id)));
      this.store.setList(found.flat(), true);
    }
  }

  private isMissing(id: string): boolean {
    return !this.absent.has(id) && !this.store.isListed(id);
  }

  private async lookUp(sessionId: string): Promise<readonly Session[]> {
    try {
      return [await this.api.request("session/get", { sessionId })];
    } catch (error) {
      if (problemOf(error).kind !== "sessionNotFound") throw error;
      this.absent.add(sessionId);
      return [];
    }
  }

  /** From now on also lists sessions with these words in their title, however old they are. */
  listMatching(text: string): void {
    if (text === this.titleFilter) return;
    this.titleFilter = text;
    // List again: sessions that were listed only for their words would leave gaps before them.
    if (this.api.ready) this.refresh();
  }

  /** Starts or stops listing archived sessions. */
  async listArchived(shown: boolean): Promise<void> {
    this.lists = new Map(shown ? [...this.lists, ["archived", undefined]] : [[undefined, this.lists.get(undefined)]]);
    await this.refreshList();
  }

  /** Lists the sessions again in the background. */
  refresh(): void {
    this.quietly(this.refreshList());
  }

  async refreshAgents(): Promise<void> {
    this.known = await this.api.request("agent/list", {});
    this.agentsChanged.fire();
  }

  /** Opens a session here. Each successful `join` needs one `leave`. */
  async join(sessionId: string): Promise<void> {
    this.joined.set(sessionId, (this.joined.get(sessionId) ?? 0) + 1);
    if (this.store.open(sessionId) !== undefined) return;
    try {
      await this.fetch(sessionId);
    } catch (error) {
      this.release(sessionId);
      throw error;
    }
  }

  async leave(sessionId: string): Promise<void> {
    if (this.release(sessionId) && this.api.ready) await this.api.request("session/close", { sessionId });
  }

  /** Fetches the page before the first known message of an open session. */
  older(sessionId: string, limit = PAGE): Promise<void> {
    const running = this.paging.get(sessionId);
    if (running !== undefined) return running;
    const page = this.fetchOlder(sessionId, limit).finally(() => this.paging.delete(sessionId));
    this.paging.set(sessionId, page);
    return page;
  }

  /** Fetches older messages of an open session until this one is loaded. False if it does not exist or is too far back. */
  async reach(sessionId: string, messageId: string): Promise<boolean> {
    for (;;) {
      const state = this.store.open(sessionId);
      if (state?.messages.some((message) => message.id === messageId) === true) return true;
      if (state === undefined || !state.more || state.messages.length >= REACH) return false;
      await this.older(sessionId, REACH_PAGE);
      if (this.store.open(sessionId)?.messages.length === state.messages.length) return false;
    }
  }

  async create(params: { title?: string; agent?: string; model?: string; workspaceFolder?: string }): Promise<Session> {
    return this.stored(await this.api.request("session/create", params));
  }

  /** Sends a message. Resolves when its reply has ended or stopped; cancelling the token cancels the reply. */
  message(params: MessageParams, token?: CancellationToken): Promise<Exchange> {
    return this.api.request("session/message", params, token);
  }

  async act(
    method: "session/pause" | "session/resume" | "session/cancel" | "session/archive" | "session/unarchive" | "session/get",
    sessionId: string,
  ): Promise<Session> {
    return this.stored(await this.api.request(method, { sessionId }));
  }

  /** Withdraws a queued message, or has it answered at once. */
  async unqueue(method: "session/withdraw" | "session/sendNow", sessionId: string, messageId: string): Promise<Session> {
    return this.stored(await this.api.request(method, { sessionId, messageId }));
  }

  async fork(params: { sessionId: string; at?: string; title?: string; agent?: string }): Promise<Session> {
    return this.stored(await this.api.request("session/fork", params));
  }

  async rename(sessionId: string, title: string): Promise<Session> {
    return this.stored(await this.api.request("session/rename", { sessionId, title }));
  }

  /** In US dollars; null for none. */
  async setBudget(sessionId: string, budget: number | null): Promise<Session> {
    return this.stored(await this.api.request("session/setBudget", { sessionId, budget }));
  }

  async switchAgent(params: { sessionId: string; agent: string; model?: string }): Promise<Session> {
    return this.stored(await this.api.request("session/switchAgent", params));
  }

  async delete(sessionId: string): Promise<void> {
    await this.api.request("session/delete", { sessionId });
    this.store.changed({ deleted: sessionId });
  }

  private async matchingSessions(): Promise<readonly Session[]> {
    const query = this.titleFilter;
    if (query === "" || !this.listHasMore) return [];
    const pages = [...this.lists.keys()].map((state) =>
      this.api.request("session/list", { limit: LIST_PAGE, query, ...(state !== undefined && { state }) }),
    );
    return (await Promise.all(pages)).flatMap(({ sessions }) => sessions);
  }

  private async page(state: "archived" | undefined, limit: number, cursor?: string): Promise<readonly Session[]> {
    const params = { limit, ...(state !== undefined && { state }), ...(cursor !== undefined && { cursor }) };
    const { sessions, nextCursor, you } = await this.api.request("session/list", params);
    setParticipant(you?.id);
    if (this.lists.has(state)) this.lists.set(state, nextCursor);
    return sessions;
  }

  /** Counts one user less. True if nobody has the session open any more. */
  private release(sessionId: string): boolean {
    const count = (this.joined.get(sessionId) ?? 0) - 1;
    if (count > 0) {
      this.joined.set(sessionId, count);
      return false;
    }
    this.joined.delete(sessionId);
    this.fetching.delete(sessionId); // joining again must request it again
    this.store.close(sessionId);
    return true;
  }

  private stored(session: Session): Session {
    this.store.putSession(session);
    return session;
  }

  private applyEvent(event: Event): void {
    if (this.store.event(event) === "resync") this.quietly(this.fetch(event.sessionId));
  }

  private applyDelta(delta: DeltaParams): void {
    if (this.store.delta(delta) === "resync") this.quietly(this.fetch(delta.sessionId));
  }

  /** Opens a session on the server and stores the result. The server sends no notifications for a session before this response. */
  private fetch(sessionId: string): Promise<void> {
    const running = this.fetching.get(sessionId);
    if (running !== undefined) return running;
    const before = this.store.open(sessionId)?.session.seq;
    const opening: Promise<void> = this.api
      .request("session/open", { sessionId, limit: PAGE, ...(before !== undefined && { after: before }) })
      .then((result) => {
        if (this.joined.has(sessionId)) this.store.setOpen(result);
      })
      .finally(() => {
        if (this.fetching.get(sessionId) === opening) this.fetching.delete(sessionId);
      });
    this.fetching.set(sessionId, opening);
    return opening;
  }

  private async fetchOlder(sessionId: string, limit: number): Promise<void> {
    const state = this.store.open(sessionId);
    const first = state?.messages[0];
    if (state === undefined || first === undefined || !state.more) return;
    this.store.addOlder(sessionId, await this.api.request("session/history", { sessionId, before: first.id, limit }));
  }

  private async reconnect(): Promise<void> {
    this.fetching.clear();
    this.absent.clear();
    const open = [...this.joined.keys()].map((sessionId) => this.fetchAgain(sessionId));
    const all = await Promise.allSettled([this.refreshList(), this.refreshAgents(), ...open]);
    const error = all.find((result) => result.status === "rejected");
    if (error !== undefined) throw error.reason;
  }

  /** A session that was open on the server before. It may have been deleted meanwhile. */
  private async fetchAgain(sessionId: string): Promise<void> {
    try {
      await this.fetch(sessionId);
    } catch (error) {
      if (problemOf(error).kind !== "sessionNotFound") throw error;
      this.store.changed({ deleted: sessionId });
    }
  }

  private quietly(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.failed.fire(error);
    });
  }
}
