/** Commands about people: who has access to a session, and handing it to somebody. */
import * as vscode from "vscode";
import { participantId } from "../attention";
import { may, mentionable, peopleOf, ROLES, secretsWarning, TEAM, TEAM_NAME, type ListedPerson, type Role } from "../people";
import type { Participant, Session } from "../protocol";
import type { Services } from "../services";
import { displayTitle } from "../format";
import { chooseSession, type CommandResult, type Target } from "./choosing";

type Pick = vscode.QuickPickItem & { readonly id?: string; readonly byLogin?: true };

/** Shows who has access to a session. An owner can give and remove roles there. */
export async function share(services: Services, target: Target): Promise<CommandResult> {
  const { api, sessions } = services;
  const chosen = await chooseSession(services, target, "Share Session");
  if (chosen === undefined) return false;
  const sessionId = chosen.id;
  let secrets: number | undefined;
  for (let changed = false; ; changed = true) {
    const found = await api.request("session/people", { sessionId, ...(!changed && { secrets: true }) });
    const { people, role, known, notice } = found;
    secrets ??= found.secrets;
    if (notice !== undefined) {
      await explainFile(notice);
      return false;
    }
    const session = { ...(sessions.store.session(sessionId) ?? chosen), people };
    const present = session.present ?? [];
    const shown = peopleOf(session, present, participantId());
    const owner = may(role, "owner");
    const items = owner ? [...section("Have access", shown), ...shareOptions(shown, known)] : shown.map(itemOf);
    const picked = await vscode.window.showQuickPick(items, {
      title: owner ? `Share “${displayTitle(session)}”` : `People of “${displayTitle(session)}”`,
      placeHolder: owner
        ? `Choose a person to give them a role${secretsWarning(secrets)}`
        : `You are a ${role} of this session. Only an owner can share it.`,
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (picked === undefined || !owner) return changed ? undefined : false;
    const id = picked.byLogin === true ? await nameLogin() : picked.id;
    if (id === undefined) continue;
    const name = [...shown, ...known].find((one) => one.id === id)?.name ?? id;
    await giveRole(services, session, id, name, secrets);
  }
}

/** Asks for the role of one person, and gives it or takes it away. */
async function giveRole({ api }: Services, session: Session, id: string, name: string, secrets?: number): Promise<void> {
  const current = session.people?.find((one) => one.id === id)?.role;
  type RolePick = vscode.QuickPickItem & { readonly role?: Role };
  const items: RolePick[] = ROLES.map(({ role, label, detail }) => ({
    label,
    description: role === current ? "current" : "",
    detail,
    role,
  }));
  if (current !== undefined) {
    items.push(
      { label: "", kind: vscode.QuickPickItemKind.Separator },
      {
        label: "$(trash) Remove",
        detail: `${id === TEAM ? "The team loses" : `${name} loses`} access at once. Waiting messages and running replies are stopped.`,
      },
    );
  }
  const picked = await vscode.window.showQuickPick(items, {
    title: `Role of ${name}`,
    placeHolder: `Role in this session${secretsWarning(secrets)}`,
  });
  if (picked === undefined || (current !== undefined && picked.role === current)) return;
  if (picked.role === undefined) await api.request("session/unshare", { sessionId: session.id, with: id });
  else await api.request("session/share", { sessionId: session.id, with: id, role: picked.role });
  const result = picked.role === undefined ? "has no role of their own any more" : `is ${withArticle(picked.role)} now`;
  vscode.window.setStatusBarMessage(`${name} ${result}.`, 4000);
}

/** Explains that a database in a file has no logins, so that nothing can be shared there, and offers the setting. */
async function explainFile(notice: string): Promise<void> {
  const text = `${notice} To share single sessions, keep them in your team's PostgreSQL database, and set its address.`;
  const choice = await vscode.window.showInformationMessage(text, "Set the Database");
  if (choice !== undefined) await vscode.commands.executeCommand("workbench.action.openSettings", "sessionls.databaseUrl");
}

function section(label: string, people: readonly ListedPerson[]): readonly Pick[] {
  return [{ label, kind: vscode.QuickPickItemKind.Separator }, ...people.map(itemOf)];
}

function itemOf({ id, name, role, here, you }: ListedPerson): Pick {
  const facts = [
    role ?? "took part",
    ...(you ? ["you"] : []),
    ...(here ? ["here now"] : []),
    ...(showsLogin(id, name) ? [id] : []),
  ];
  return {
    label: `$(${id === TEAM ? "organization" : here ? "circle-filled" : "account"}) ${name}`,
    description: facts.join(" · "),
    id,
  };
}

/** Whether to show the login, because it differs from the name. */
function showsLogin(id: string, name: string): boolean {
  return id !== TEAM && id !== name;
}

/** The people with whom it can also be shared. */
function shareOptions(shown: readonly ListedPerson[], known: readonly Participant[]): readonly Pick[] {
  const has = (id: string): boolean => shown.some((one) => one.id === id && one.role !== undefined);
  const people = known.filter(({ id }) => !has(id));
  return [
    { label: "Share with", kind: vscode.QuickPickItemKind.Separator },
    ...people.map(({ id, name, email }) => ({
      label: `$(person-add) ${name}`,
      description: [...(showsLogin(id, name) ? [id] : []), ...(email === undefined ? [] : [email])].join(" · "),
      id,
    })),
    ...(has(TEAM)
      ? []
      : [{ label: `$(organization) ${TEAM_NAME}`, description: "whoever may log in to the database", id: TEAM }]),
    { label: "$(edit) Another Login…", description: "of somebody who was not here yet", byLogin: true as const },
  ];
}

async function nameLogin(): Promise<string | undefined> {
  const login = await vscode.window.showInputBox({
    title: "Share with a Login",
    prompt: "The login of somebody in the database. An administrator of the database creates logins.",
    validateInput: (value) => (value.trim() === "" ? "Enter a login." : undefined),
  });
  return login?.trim();
}

function withArticle(role: Role): string {
  return role === "owner" ? "an owner" : `a ${role}`;
}

/** Hands a session to another participant, with a note: it needs them until they do something in it. */
export async function handOver(services: Services, target: Target): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Hand Over Session", ({ state }) => state !== "archived");
  if (session === undefined) return false;
  const others = mentionable(session, participantId());
  if (others.length === 0) {
    void vscode.window.showInformationMessage(
      "Nobody else takes part in this session. Share it first: who has access or opened it once can be chosen.",
    );
    return false;
  }
  const here = new Set((session.present ?? []).map(({ id }) => id));
  const items = others.map(({ id, name, email }) => ({
    label: `$(account) ${name}`,
    description: [...(here.has(id) ? ["here now"] : []), ...(email === undefined ? [] : [email])].join(" · "),
    id,
    name,
  }));
  const title = `Hand Over “${displayTitle(session)}”`;
  const picked = await vscode.window.showQuickPick(items, { title, placeHolder: "To whom", matchOnDescription: true });
  if (picked === undefined) return false;
  const note = await vscode.window.showInputBox({
    title: `${title} to ${picked.name}`,
    prompt: "What they should know. What waits in the session is added. You can leave it empty.",
    validateInput: (value) => (value.length > 2000 ? "A note can have at most 2000 characters." : undefined),
  });
  if (note === undefined) return false;
  const trimmed = note.trim();
  await services.api.request("session/handOver", {
    sessionId: session.id,
    to: picked.id,
    ...(trimmed !== "" && { note: trimmed }),
  });
  vscode.window.setStatusBarMessage(`Handed over to ${picked.name}.`, 4000);
}
