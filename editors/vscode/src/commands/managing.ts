/** Commands for existing sessions. */
import * as vscode from "vscode";
import { needOf, nextInNeed } from "../attention";
import { GROUPINGS, type Grouping } from "../grouping";
import type { Session } from "../protocol";
import type { Decision } from "../panel/messages";
import type { Services } from "../services";
import { amountOf, dollars } from "../format";
import { chooseSession, findSession, pickAgent, pickArchived, pickSession, type CommandResult, type Target } from "./choosing";

/** The number of sessions that are offered together. */
const FOUND = 100;

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
export async function goToQuestion({ sessions, panels }: Services, target: Target): Promise<CommandResult> {
  const id = typeof target === "string" ? target : target?.session.id;
  const asking = sessions.store.sessions.filter((session) => needOf(session) === "permission");
  const chosen = id ?? (asking.length > 1 ? await pickSession("Go to Question", asking) : asking[0])?.id;
  if (chosen === undefined) return false;
  await panels.show(chosen);
}

/** Shows the next session that needs the person, after the visible one. */
export async function nextNeedsYou({ sessions, panels }: Services): Promise<CommandResult> {
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
export async function answer({ sessions, panels, permissions }: Services, decision: Decision): Promise<CommandResult> {
  const session = panels.current === undefined ? undefined : sessions.store.session(panels.current);
  const question = session?.asking?.[0];
  if (session === undefined || question === undefined) return false;
  await permissions.answer(session.id, question.requestId, decision);
}

export async function openArchived(services: Services): Promise<void> {
  const session = await pickArchived(services, "Open Archived Session");
  if (session !== undefined) await services.panels.show(session.id);
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

type Act = "session/pause" | "session/resume" | "session/cancel";

const ACTS: Readonly<Record<Act, { readonly title: string; readonly fits: (session: Session) => boolean }>> = {
  "session/pause": { title: "Pause Session", fits: (session) => session.state === "active" },
  "session/resume": { title: "Resume Session", fits: isResumable },
  "session/cancel": { title: "Cancel Reply", fits: (session) => session.replying },
};

function isResumable({ state, stopped }: Session): boolean {
  return state === "paused" || (state === "active" && stopped !== undefined);
}

export async function act(services: Services, method: Act, target: Target): Promise<CommandResult> {
  const { title, fits } = ACTS[method];
  const session = await chooseSession(services, target, title, fits);
  if (session === undefined) return false;
  await services.sessions.act(method, session.id);
}

export async function fork(services: Services, target: Target): Promise<CommandResult> {
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
    ...models.available.map((model) => ({
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
export async function pin(
  services: Services,
  target: Target,
  targets: readonly string[],
  pinned: boolean,
): Promise<CommandResult> {
  const title = pinned ? "Pin Session" : "Unpin Session";
  const fits = ({ id }: Session): boolean => services.pins.ids.has(id) !== pinned;
  let ids = targets;
  if (targets.length < 2) {
    const session = await chooseSession(services, target, title, fits);
    if (session === undefined) return false;
    ids = [session.id];
  }
  await services.pins.set(ids, pinned);
  await services.sessions.listMissing();
}

/** Lets the person choose the grouping of the list. */
export async function groupBy(): Promise<CommandResult> {
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
  const text = await vscode.window.showInputBox({
    title: "Filter Sessions",
    value: services.view.filterText,
    placeHolder: "Part of a title, or an agent",
  });
  if (text !== undefined) setFilter(services, text);
}

export function setFilter({ sessions, view }: Services, text: string): void {
  view.setFilter(text);
  sessions.listMatching(text.trim());
}
