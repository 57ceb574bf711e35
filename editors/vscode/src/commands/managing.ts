/** Commands for existing sessions. */
import * as vscode from "vscode";
import { nextInNeed } from "../attention";
import { GROUPINGS, type Grouping } from "../grouping";
import type { Session } from "../protocol";
import type { Decision } from "../panel/messages";
import type { Services } from "../services";
import { amountOf, dollars } from "../format";
import { problemOf } from "../problem";
import { chooseSession, findSession, pickAgent, pickSession, type Done, type Target } from "./choosing";

/** The number of sessions that are offered together. */
const FOUND = 100;
const UNDO_TIME = 15_000; // milliseconds

export async function open({ api, sessions, panels }: Services, target: Target): Promise<void> {
  if (target !== undefined) {
    await panels.show(typeof target === "string" ? target : target.session.id);
    return;
  }
  const session = await findSession("Open Session", sessions.store.sessions, async (query) => {
    const found = await api.request("session/list", { limit: FOUND, ...(query !== "" && { query }) });
    return found.sessions.filter(({ id }) => !sessions.store.isHidden(id));
  });
  if (session !== undefined) await panels.show(session.id);
}

/** Shows the session that asks for permission. If there are several, the person picks one. */
export async function goToQuestion({ sessions, panels }: Services, target: Target): Promise<Done> {
  const id = typeof target === "string" ? target : target?.session.id;
  const asking = sessions.store.sessions.filter((session) => session.asking !== undefined);
  const chosen = id ?? (asking.length > 1 ? await pickSession("Go to Question", asking) : asking[0])?.id;
  if (chosen === undefined) return false;
  await panels.show(chosen);
}

/** Shows the next session that needs the person, after the visible one. */
export async function nextNeedsYou({ sessions, panels }: Services): Promise<Done> {
  const { current } = panels;
  const shown = current !== undefined && panels.isVisible(current) ? current : undefined;
  const next = nextInNeed(sessions.store.sessions, shown);
  if (next === undefined) {
    vscode.window.setStatusBarMessage("No session needs you.", 3000);
    return false;
  }
  await panels.show(next.id);
}

/** Answers the first question of the last active panel. */
export async function answer({ sessions, panels, permissions }: Services, decision: Decision): Promise<Done> {
  const session = panels.current === undefined ? undefined : sessions.store.session(panels.current);
  const question = session?.asking?.[0];
  if (session === undefined || question === undefined) return false;
  await permissions.answer(session.id, question.requestId, decision);
}

export async function openArchived(services: Services): Promise<void> {
  const session = await pickArchived(services, "Open Archived Session");
  if (session !== undefined) await services.panels.show(session.id);
}

async function pickArchived({ api }: Services, title: string): Promise<Session | undefined> {
  const { sessions } = await api.request("session/list", { state: "archived", limit: 200 });
  if (sessions.length > 0) return pickSession(title, sessions);
  void vscode.window.showInformationMessage("These folders have no archived sessions.");
  return undefined;
}

/** Toggles whether archived sessions are listed. */
export async function showArchived({ sessions, view }: Services, shown: boolean): Promise<void> {
  view.showArchived(shown);
  await sessions.listArchived(shown);
}

export async function rename(services: Services, target: Target): Promise<void> {
  const session = await chooseSession(services, target, "Rename Session");
  if (session === undefined) return;
  const title = await vscode.window.showInputBox({
    title: "Rename Session",
    value: session.title,
    validateInput: (value) =>
      value.trim() === ""
        ? "A title needs at least one character."
        : value.length > 200
          ? "A title can have at most 200 characters."
          : undefined,
  });
  if (title !== undefined && title.trim() !== session.title) await services.sessions.rename(session.id, title.trim());
}

/** Asks for the budget of a session. Offers to resume it if it is paused because of its budget. */
export async function setBudget(services: Services, target: Target): Promise<void> {
  const { sessions } = services;
  const session = await chooseSession(services, target, "Set Budget");
  if (session === undefined) return;
  const input = await vscode.window.showInputBox({
    title: `Budget of “${session.title}”`,
    prompt: `The limit for the cost of models in this session, in US dollars; empty for no limit. Used so far: ${dollars(session.usage.cost ?? 0)}. Models without a known price are not counted.`,
    value: session.budget === undefined ? "" : String(session.budget),
    validateInput: (value) =>
      amountOf(value) === undefined ? "Enter an amount in US dollars, such as 2.50, or nothing." : undefined,
  });
  const budget = input === undefined ? undefined : amountOf(input);
  if (budget === undefined) return;
  const changed = await sessions.setBudget(session.id, budget);
  if (changed.pauseReason !== "budget" || (budget !== null && budget <= (changed.usage.cost ?? 0))) return;
  const choice = await vscode.window.showInformationMessage(`“${session.title}” is paused.`, "Resume");
  if (choice === "Resume") await sessions.act("session/resume", session.id);
}

type Act = "session/pause" | "session/resume" | "session/cancel" | "session/unarchive";

const ACTS: Readonly<Record<Act | "session/archive", { readonly title: string; readonly fits: (session: Session) => boolean }>> =
  {
    "session/pause": { title: "Pause Session", fits: (session) => session.state === "active" },
    "session/resume": { title: "Resume Session", fits: isResumable },
    "session/cancel": { title: "Cancel Reply", fits: (session) => session.replying },
    "session/archive": { title: "Archive Session", fits: (session) => session.state !== "archived" },
    "session/unarchive": { title: "Unarchive Session", fits: (session) => session.state === "archived" },
  };

function isResumable({ state, stopped }: Session): boolean {
  return state === "paused" || (state === "active" && stopped !== undefined);
}

export async function act(services: Services, method: Act, target: Target): Promise<Done> {
  const { title, fits } = ACTS[method];
  const { current } = services.panels;
  const shown = current === undefined ? undefined : services.sessions.store.session(current);
  // Lists omit archived sessions.
  const archived = method === "session/unarchive" && target === undefined && shown?.state !== "archived";
  const session = await (archived ? pickArchived(services, title) : chooseSession(services, target, title, fits));
  if (session === undefined) return false;
  await services.sessions.act(method, session.id);
}

/** Archives a session, or all of `targets`. */
export async function archive(services: Services, target: Target, targets: readonly string[]): Promise<Done> {
  const { sessions } = services;
  const { title, fits } = ACTS["session/archive"];
  const chosen =
    targets.length > 1
      ? knownSessions(services, targets).filter(fits)
      : asList(await chooseSession(services, target, title, fits));
  if (chosen.length === 0) return false;
  for (const { id } of chosen) await sessions.act("session/archive", id);
  const choice = await vscode.window.showInformationMessage(`Archived ${describe(chosen)}.`, "Undo");
  if (choice === "Undo") for (const { id } of chosen) await sessions.act("session/unarchive", id);
}

/** Restores an archived session, or all of `targets`. */
export async function unarchive(services: Services, target: Target, targets: readonly string[]): Promise<Done> {
  if (targets.length < 2) return act(services, "session/unarchive", target);
  const chosen = knownSessions(services, targets).filter(ACTS["session/unarchive"].fits);
  for (const { id } of chosen) await services.sessions.act("session/unarchive", id);
}

function knownSessions({ sessions }: Services, ids: readonly string[]): readonly Session[] {
  return ids.flatMap((id) => asList(sessions.store.session(id)));
}

function asList(session: Session | undefined): readonly Session[] {
  return session === undefined ? [] : [session];
}

function describe(sessions: readonly Session[]): string {
  const [first] = sessions;
  return sessions.length === 1 && first !== undefined ? `“${first.title}”` : `${sessions.length} sessions`;
}

/** Deletes sessions when the time to undo is over, because the server deletes permanently. Closing the window earlier keeps them. */
export async function remove(services: Services, target: Target, targets: readonly string[]): Promise<void> {
  const { sessions, panels, deletions } = services;
  // Never delete an invisible session without a choice.
  const nothingVisible = target === undefined && (panels.current === undefined || !panels.isVisible(panels.current));
  const pick = (): Promise<Session | undefined> =>
    nothingVisible ? pickSession("Delete Session", sessions.store.sessions) : chooseSession(services, target, "Delete Session");
  let chosen: readonly Session[];
  try {
    chosen = targets.length > 1 ? knownSessions(services, targets) : asList(await pick());
  } catch (error) {
    if (typeof target !== "string" || problemOf(error).kind !== "sessionUnreadable") throw error;
    await removeUnreadable(services, target);
    return;
  }
  if (chosen.length === 0) return;
  const ids = chosen.map(({ id }) => id);
  sessions.store.hide(ids, true);
  const undo = vscode.window.showInformationMessage(`Deleted ${describe(chosen)}.`, "Undo").then((choice) => choice === "Undo");
  const undone = await deletions.hold(ids, UNDO_TIME, Promise.resolve(undo));
  try {
    if (!undone) {
      for (const id of ids) await sessions.delete(id);
      await services.pins.set(ids, false);
    }
  } finally {
    deletions.release(ids);
    sessions.store.hide(ids, false);
  }
  if (!undone && (await undo)) void vscode.window.showWarningMessage(`Too late: ${describe(chosen)} cannot be restored.`);
}

/** Asks before it deletes a session that cannot be read: such a session is in no list, so an undo could not restore it there. */
async function removeUnreadable({ sessions, panels }: Services, sessionId: string): Promise<void> {
  const detail = "This version of sessionls cannot read it, so it cannot show what is in it. Its forks stay complete.";
  const question = "Delete this session permanently?";
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, "Delete")) !== "Delete") return;
  await sessions.delete(sessionId);
  panels.close(sessionId);
}

export async function fork(services: Services, target: Target): Promise<Done> {
  const session = await chooseSession(services, target, "Fork Session");
  if (session === undefined) return false;
  await services.panels.show((await services.sessions.fork({ sessionId: session.id })).id);
}

export async function switchAgent(services: Services, target: Target): Promise<void> {
  const session = await chooseSession(services, target, "Switch Agent");
  if (session === undefined) return;
  const agent = await pickAgent(services, `Default agent of “${session.title}”`, session.agent);
  if (agent !== undefined && agent.name !== session.agent)
    await services.sessions.switchAgent({ sessionId: session.id, agent: agent.name });
}

/** Picks the model that the session's default agent uses instead of its own. */
export async function switchModel(services: Services, target: Target): Promise<void> {
  const { models, sessions } = services;
  const session = await chooseSession(services, target, "Switch Model");
  if (session === undefined) return;
  await models.refresh();
  type Item = vscode.QuickPickItem & { readonly pick?: () => unknown };
  const use = async (model: string | undefined): Promise<void> => {
    if (model !== session.model)
      await sessions.switchAgent({ sessionId: session.id, agent: session.agent, ...(model !== undefined && { model }) });
  };
  const agents = sessions.agents.find((agent) => agent.name === session.agent)?.model;
  const items: Item[] = [
    {
      label: "$(sparkle) No model for this session",
      description: session.model === undefined ? "current" : "",
      detail: agents ? `${session.agent} uses its own: ${agents}` : `The default: ${models.default ?? "no model can answer yet"}`,
      pick: () => use(undefined),
    },
    { label: "Can answer now", kind: vscode.QuickPickItemKind.Separator },
    ...models.able.map((model) => ({
      label: model.name,
      description: [model.name === session.model ? "current" : "", windowOf(model.contextWindow)].filter(Boolean).join(" · "),
      pick: () => use(model.name),
    })),
    { label: "", kind: vscode.QuickPickItemKind.Separator },
    { label: "$(edit) Another Model, by Name…", pick: async () => use((await nameModel(session.model)) ?? session.model) },
    { label: "$(key) Set Up a Model…", pick: () => vscode.commands.executeCommand("session.setUpModel") },
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: `Model of “${session.title}”`,
    placeHolder: "The model that answers in this session",
    matchOnDescription: true,
  });
  await picked?.pick?.();
}

async function nameModel(current: string | undefined): Promise<string | undefined> {
  const name = await vscode.window.showInputBox({
    title: "Switch Model",
    prompt: "Any model name of litellm, with its provider first.",
    placeHolder: "ollama/qwen3",
    value: current ?? "",
    validateInput: (value) =>
      /^[^\s/]+\/\S+$/.test(value.trim()) ? undefined : "Enter provider and model, such as ollama/qwen3.",
  });
  return name?.trim();
}

function windowOf(tokens: number | undefined): string {
  return tokens === undefined ? "" : `${Math.round(tokens / 1000)}k tokens`;
}

/** Pins sessions at the top of the list, or unpins them. */
export async function pin(services: Services, target: Target, targets: readonly string[], pinned: boolean): Promise<Done> {
  const title = pinned ? "Pin Session" : "Unpin Session";
  const fits = ({ id }: Session): boolean => services.pins.ids.has(id) !== pinned;
  const ids = targets.length > 1 ? targets : asList(await chooseSession(services, target, title, fits)).map(({ id }) => id);
  if (ids.length === 0) return false;
  await services.pins.set(ids, pinned);
  await services.sessions.listMissing();
}

/** Lets the person choose the grouping of the list. */
export async function groupBy(): Promise<Done> {
  const settings = vscode.workspace.getConfiguration("sessionls");
  const current = settings.get<Grouping>("sessions.groupBy", "date");
  const items = GROUPINGS.map((grouping) => ({
    label: GROUPING_LABELS[grouping],
    description: grouping === current ? "current" : "",
    grouping,
  }));
  const picked = await vscode.window.showQuickPick(items, { title: "Group Sessions By", placeHolder: "Grouping" });
  if (picked === undefined) return false;
  await settings.update("sessions.groupBy", picked.grouping, vscode.ConfigurationTarget.Global);
}

const GROUPING_LABELS: Readonly<Record<Grouping, string>> = { date: "Date", state: "State", none: "Nothing" };

export async function filter(services: Services): Promise<void> {
  const words = await vscode.window.showInputBox({
    title: "Filter Sessions",
    value: services.view.filterText,
    placeHolder: "Part of a title, or an agent",
  });
  if (words !== undefined) setFilter(services, words);
}

export function setFilter({ sessions, view }: Services, text: string): void {
  view.setFilter(text);
  sessions.listMatching(text.trim());
}
