import { describe, expect, it } from "vitest";
import type { Api } from "../../src/api";
import { inNeed } from "../../src/attention";
import { Problem } from "../../src/problem";
import type { Session } from "../../src/protocol";
import { REACH, Sessions } from "../../src/sessions";
import { aMessage, aQuestion, aSession } from "./samples";

const NOTHING = () => ({ dispose: () => undefined });

/** A server with one session of that many messages, with a list of that many others, and the requests that it got. */
function server(count: number, listed = 1, forks: readonly Session[] = []) {
  const all = Array.from({ length: count }, (_, at) => aMessage(`m${at}`));
  const asked: string[] = [];
  const more = Array.from({ length: listed }, (_, at) => aSession({ id: `s${at}`, title: `Session ${at}` }));
  const others = [...forks, ...more];
  interface Params {
    limit: number;
    before?: string;
    state?: string;
    cursor?: string;
    query?: string;
    sessionId?: string;
  }
  const answers: Record<string, (params: Params) => unknown> = {
    "session/open": ({ limit }) => ({
      session: aSession(),
      messages: all.slice(-limit),
      more: all.length > limit,
      participants: [],
      seq: 10,
    }),
    "session/history": ({ before, limit }) => {
      const end = all.findIndex((message) => message.id === before);
      return { messages: all.slice(Math.max(0, end - limit), end), more: end > limit };
    },
    "session/list": ({ state, limit, cursor = "0", query = "" }) => {
      const all = state === "archived" ? [aSession({ id: "old", state })] : others.filter(({ title }) => title.includes(query));
      const end = Number(cursor) + limit;
      return { sessions: all.slice(Number(cursor), end), ...(end < all.length && { nextCursor: String(end) }) };
    },
    "session/get": ({ sessionId }) => {
      const found = others.find(({ id }) => id === sessionId);
      if (found === undefined) throw new Problem("sessionNotFound", "It is not there.");
      return found;
    },
  };
  const api = {
    onEvent: NOTHING,
    onDelta: NOTHING,
    onChanged: NOTHING,
    onAgentsChanged: NOTHING,
    onConnected: NOTHING,
    ready: true,
    request: (method: string, params: { limit: number }) => {
      asked.push(method);
      return new Promise((resolve) => {
        resolve(answers[method]?.(params));
      });
    },
  };
  return { sessions: new Sessions(api as unknown as Api), asked, answers };
}

describe("a message to scroll to", () => {
  it("is fetched with all messages after it", async () => {
    const { sessions } = server(700);
    await sessions.join("s");
    expect(await sessions.reach("s", "m300")).toBe(true);
    const ids = sessions.store.open("s")?.messages.map((message) => message.id);
    expect(ids?.at(-1)).toBe("m699");
    expect(ids).toContain("m300");
    expect(ids?.length).toBeLessThan(700);
  });

  it("needs no request if it is loaded", async () => {
    const { sessions, asked } = server(10);
    await sessions.join("s");
    expect(await sessions.reach("s", "m3")).toBe(true);
    expect(asked).not.toContain("session/history");
  });

  it("is not found if it does not exist or is too far back", async () => {
    const short = server(70).sessions;
    await short.join("s");
    expect(await short.reach("s", "gone")).toBe(false);
    const long = server(REACH * 2).sessions;
    await long.join("s");
    expect(await long.reach("s", "m0")).toBe(false);
    expect(long.store.open("s")?.messages.length).toBeLessThan(REACH * 1.2);
  });
});

describe("the list", () => {
  it("has archived sessions if they are shown, also after a refresh", async () => {
    const { sessions } = server(0);
    await sessions.refreshList();
    expect(sessions.store.session("old")).toBeUndefined();
    await sessions.listArchived(true);
    await sessions.refreshList();
    expect(sessions.store.session("old")?.state).toBe("archived");
    await sessions.listArchived(false);
    expect(sessions.store.session("old")).toBeUndefined();
  });

  it("loads page by page, and refreshes all loaded pages", async () => {
    const { sessions } = server(0, 250);
    await sessions.refreshList();
    expect([sessions.store.sessions.length, sessions.listHasMore]).toEqual([100, true]);
    await sessions.moreOfList();
    expect([sessions.store.sessions.length, sessions.listHasMore]).toEqual([200, true]);
    await sessions.refreshList();
    expect([sessions.store.sessions.length, sessions.listHasMore]).toEqual([200, true]);
    await sessions.moreOfList();
    expect([sessions.store.sessions.length, sessions.listHasMore]).toEqual([250, false]);
  });

  it("has sessions whose title matches the filter, however old they are", async () => {
    const { sessions } = server(0, 250);
    await sessions.refreshList();
    sessions.listMatching("Session 249");
    await sessions.refreshList();
    expect(sessions.store.session("s249")).toBeDefined();
    expect(sessions.store.sessions.length).toBe(101);
    sessions.listMatching("");
    await sessions.refreshList();
    expect(sessions.store.session("s249")).toBeUndefined();
  });

  it("has the parents of forks, and their parents, however old they are", async () => {
    const fork = aSession({ id: "f", parent: { sessionId: "g", seq: 1 } });
    const middle = aSession({ id: "g", parent: { sessionId: "s249", seq: 1 } });
    const { sessions } = server(0, 250, [fork, middle]);
    await sessions.refreshList();
    expect(sessions.store.session("s249")).toBeDefined();
    expect(sessions.store.session("s248")).toBeUndefined();
  });

  it("requests a deleted parent only once", async () => {
    const { sessions, asked } = server(0, 3, [aSession({ id: "f", parent: { sessionId: "gone", seq: 1 } })]);
    await sessions.refreshList();
    await sessions.refreshList();
    expect(asked.filter((method) => method === "session/get")).toHaveLength(1);
    expect(sessions.store.session("f")).toBeDefined();
  });

  it("reports that it could not be loaded, until it is", async () => {
    const { sessions, answers } = server(0, 3);
    const list = answers["session/list"];
    answers["session/list"] = () => {
      throw new Problem("storeUnavailable", "The database cannot be read.");
    };
    await expect(sessions.refreshList()).rejects.toThrow("cannot be read");
    expect([sessions.listed, sessions.listFailed]).toEqual([false, true]);
    if (list !== undefined) answers["session/list"] = list;
    await sessions.refreshList();
    expect([sessions.listed, sessions.listFailed]).toEqual([true, false]);
  });

  it("omits sessions being deleted, also among those that need the person, until they are restored", async () => {
    const asking = [
      {
        requestId: "q",
        summary: "Edit a file",
        agent: "code",
        risk: "write" as const,
        scope: "",
        messageId: "m",
        tool: "edit_file",
        at: "2026-01-01T00:00:00Z",
      },
    ];
    const { sessions } = server(0, 3, [aSession({ id: "asks", asking })]);
    await sessions.refreshList();
    expect(inNeed(sessions.store.sessions).map(({ id }) => id)).toEqual(["asks"]);
    sessions.store.hide(["asks"], true);
    await sessions.refreshList();
    expect(inNeed(sessions.store.sessions)).toEqual([]);
    expect(sessions.store.session("asks")).toBeDefined();
    sessions.store.hide(["asks"], false);
    expect(inNeed(sessions.store.sessions).map(({ id }) => id)).toEqual(["asks"]);
  });

  it("is sorted once after each change, however often it is read", () => {
    const { store } = server(0).sessions;
    store.setList([aSession({ id: "a" }), aSession({ id: "b" })]);
    const before = store.sessions;
    expect(store.sessions).toBe(before);
    let seen: readonly string[] = [];
    store.onDidChangeList(() => (seen = store.sessions.map(({ id }) => id)));
    store.changed({ session: aSession({ id: "c", updatedAt: "2027-01-01T00:00:00Z" }) });
    expect(seen).toEqual(["c", "a", "b"]);
    store.hide(["a"], true);
    expect(seen).toEqual(["c", "b"]);
    store.changed({ deleted: "b" });
    expect(seen).toEqual(["c"]);
    store.changed({ session: aSession({ id: "c", seq: 11, asking: [aQuestion("q")] }) });
    store.answer("c", "q");
    expect(store.sessions[0]?.asking).toBeUndefined();
  });

  it("has pinned sessions, until they are unpinned", async () => {
    const { sessions } = server(0, 250);
    let pinned = ["s200"];
    sessions.listAlways(() => pinned);
    await sessions.refreshList();
    expect(sessions.store.session("s200")).toBeDefined();
    pinned = [];
    await sessions.refreshList();
    expect(sessions.store.session("s200")).toBeUndefined();
  });
});
