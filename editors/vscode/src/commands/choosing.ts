/** Chooses the session and the agent for a command. */
import * as vscode from "vscode";
import { byAttention } from "../attention";
import { isEmpty } from "../emptySessions";
import { displayTitle } from "../format";
import { problemOf } from "../problem";
import type { Agent, Session } from "../protocol";
import type { Services } from "../services";
import { descriptionOf, ICONS, displayState, type Node } from "../sessionTree";

/** The argument of a command: a node of the view, the id of a session, or nothing. */
export type Target = Node | string | undefined;

/** The result of a command: false if the person cancelled it. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- most commands return nothing
export type CommandResult = false | void;

/**
 * The session for a command: the one in its argument, else the last active or the only visible one, else one that the person
 * picks among the suitable ones. Undefined if they cancel.
 */
export async function chooseSession(
  { sessions, panels }: Services,
  target: Target,
  title: string,
  fits: (session: Session) => boolean = () => true,
): Promise<Session | undefined> {
  const id = typeof target === "string" ? target : target?.session.id;
  if (id !== undefined) return sessions.store.session(id) ?? (await sessions.act("session/get", id));
  const shown = panels.current ?? (panels.visible.length === 1 ? panels.visible[0] : undefined);
  const current = shown === undefined ? undefined : sessions.store.session(shown);
  if (current !== undefined && fits(current)) return current;
  const offered = sessions.store.sessions.filter((session) => session.state !== "archived" && fits(session));
  if (offered.length === 0) {
    void vscode.window.showInformationMessage("No session is suitable for this command.");
    return undefined;
  }
  return pickSession(title, offered);
}

export async function pickSession(title: string, offered: readonly Session[]): Promise<Session | undefined> {
  const items = offered.map(itemOf);
  return (await vscode.window.showQuickPick(items, { title, placeHolder: "Session", matchOnDescription: true }))?.session;
}

export async function pickArchived({ api }: Services, title: string): Promise<Session | undefined> {
  const { sessions } = await api.request("session/list", { state: "archived", limit: 200 });
  if (sessions.length > 0) return pickSession(title, sessions);
  void vscode.window.showInformationMessage("These folders have no archived sessions.");
  return undefined;
}

const DELAY = 150; // milliseconds without a key before the server is searched

/**
 * A session that the person picks. Offers `known` immediately, and the results of `list` for the entered words as soon as they
 * arrive, so that sessions outside the loaded lists are found, too.
 */
export function findSession(
  title: string,
  known: readonly Session[],
  list: (query: string) => Promise<readonly Session[]>,
): Promise<Session | undefined> {
  const picker = vscode.window.createQuickPick<SessionItem>();
  picker.title = title;
  picker.placeholder = "Search by title";
  picker.matchOnDescription = true;
  const all = new Map<string, Session>();
  /** `found`: the server found them for the entered words, wherever those stand in the title. */
  const add = (more: readonly Session[], matched: boolean): void => {
    for (const session of more) if (session.state !== "archived" && !isEmpty(session)) all.set(session.id, session);
    const ids = new Set(matched ? more.map(({ id }) => id) : []);
    const [active] = picker.activeItems;
    const items = [...all.values()].sort(byAttention).map((session) => ({ ...itemOf(session), alwaysShow: ids.has(session.id) }));
    picker.items = items;
    // Enter opens the session that the person went to, whatever arrives meanwhile.
    const same = items.find(({ session }) => session.id === active?.session.id);
    if (same !== undefined) picker.activeItems = [same];
  };
  let timer: NodeJS.Timeout | undefined;
  let round = 0;
  const ask = async (query: string): Promise<void> => {
    const thisRound = ++round;
    picker.busy = true;
    try {
      const found = await list(query);
      if (thisRound === round) add(found, query !== "");
    } catch (error) {
      if (thisRound === round) picker.title = `${title}: ${problemOf(error).text}`;
    }
    if (thisRound === round) picker.busy = false;
  };
  add(known, false);
  void ask("");
  return new Promise((resolve) => {
    picker.onDidChangeValue((value) => {
      clearTimeout(timer);
      timer = setTimeout(() => void ask(value.trim()), DELAY);
    });
    picker.onDidAccept(() => {
      resolve(picker.selectedItems[0]?.session);
      picker.hide();
    });
    picker.onDidHide(() => {
      clearTimeout(timer);
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}

type SessionItem = vscode.QuickPickItem & { readonly session: Session };

function itemOf(session: Session): SessionItem {
  return {
    label: `$(${ICONS[displayState(session)]}) ${displayTitle(session)}`,
    description: descriptionOf(session, Date.now()),
    session,
  };
}

/** An agent that the person picks. Unavailable agents come last, with the reason. */
export async function pickAgent({ sessions }: Services, title: string, current?: string): Promise<Agent | undefined> {
  if (sessions.agents.length === 0) await sessions.refreshAgents();
  const usable = (agent: Agent): boolean => agent.available && agent.trusted;
  const items = [...sessions.agents]
    .sort((a, b) => Number(usable(b)) - Number(usable(a)))
    .map((agent) => ({
      label: agent.name,
      description: agent.name === current ? "current" : usable(agent) ? "" : "unavailable",
      detail: usable(agent) ? agent.description : (agent.problem ?? "It is from a workspace that is not trusted."),
      agent,
    }));
  const picked = await vscode.window.showQuickPick(items, { title, placeHolder: "Agent", matchOnDetail: true });
  if (picked === undefined) return undefined;
  if (usable(picked.agent)) return picked.agent;
  void vscode.window.showWarningMessage(`${picked.agent.name} cannot be invoked. ${picked.detail}`);
  return undefined;
}
