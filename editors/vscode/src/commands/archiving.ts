/** Commands that archive and delete sessions, one or several, with Undo. */
import * as vscode from "vscode";
import { Problem, problemOf } from "../problem";
import type { Session } from "../protocol";
import type { Services } from "../services";
import { describe, resultText, runBatch, throwFailures, type BatchResult } from "./batch";
import { chooseSession, pickArchived, pickSession, type CommandResult, type Target } from "./choosing";

const UNDO_TIME = 15_000; // milliseconds

const isArchived = ({ state }: Session): boolean => state === "archived";
const isNotArchived = (session: Session): boolean => !isArchived(session);

/** Archives a session, or all of `targets`. */
export async function archive(services: Services, target: Target, targets: readonly string[]): Promise<CommandResult> {
  const { sessions } = services;
  const chosen =
    targets.length > 1
      ? knownSessions(services, targets).filter(isNotArchived)
      : asList(await chooseSession(services, target, "Archive Session", isNotArchived));
  if (chosen.length === 0) return false;
  const result = await runBatch(chosen, ({ id }) => sessions.act("session/archive", id));
  if (result.done.length === 0) throwFailures("archived", result.failed);
  const text = resultText("archived", result);
  const choice = await (result.failed.length === 0
    ? vscode.window.showInformationMessage(text, "Undo")
    : vscode.window.showWarningMessage(text, "Undo"));
  if (choice === "Undo") await restore(services, result.done);
}

/** Restores an archived session, or all of `targets`. */
export async function unarchive(services: Services, target: Target, targets: readonly string[]): Promise<CommandResult> {
  const { panels, sessions } = services;
  if (targets.length > 1) {
    await restore(services, knownSessions(services, targets).filter(isArchived));
    return;
  }
  const shown = panels.current === undefined ? undefined : sessions.store.session(panels.current);
  // Lists omit archived sessions.
  const title = "Unarchive Session";
  const picks = target === undefined && shown?.state !== "archived";
  const session = await (picks ? pickArchived(services, title) : chooseSession(services, target, title, isArchived));
  if (session === undefined) return false;
  await restore(services, [session]);
}

async function restore({ sessions }: Services, archived: readonly Session[]): Promise<void> {
  const result = await runBatch(archived, ({ id }) => sessions.act("session/unarchive", id));
  throwFailures("unarchived", result.failed);
}

/** Deletes sessions when the time to undo is over, because the server deletes permanently. Closing the window earlier keeps them. */
export async function remove(services: Services, target: Target, targets: readonly string[]): Promise<void> {
  const { sessions, panels, deletions, readiness } = services;
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
  // The same session may be deleted from its row and from its panel.
  chosen = chosen.filter(({ id }) => !deletions.has(id));
  if (chosen.length === 0) return;
  const ids = chosen.map(({ id }) => id);
  sessions.store.hide(ids, true);
  const undo = vscode.window.showInformationMessage(`Deleted ${describe(chosen)}.`, "Undo").then((choice) => choice === "Undo");
  const held = deletions.hold(ids, UNDO_TIME, Promise.resolve(undo));
  const paused = pauseReplies(services, chosen);
  const undone = await held;
  let result: BatchResult = { done: [], failed: [] };
  try {
    if (!undone) {
      // The server may be restarting. If it does not start, each deletion says so.
      await readiness.wait().catch(() => undefined);
      result = await runBatch(chosen, (session) => deleteUnchanged(services, session));
      await services.pins.set(
        result.done.map(({ id }) => id),
        false,
      );
    }
  } finally {
    deletions.release(ids);
    sessions.store.hide(ids, false);
  }
  const kept = undone ? chosen : result.failed.map(({ session }) => session);
  const stopped = await paused;
  const resumed = await runBatch(
    kept.filter(({ id }) => stopped.has(id)),
    ({ id }) => sessions.act("session/resume", id),
  );
  throwFailures("deleted", result.failed);
  throwFailures("resumed", resumed.failed);
  if (!undone && (await undo)) void vscode.window.showWarningMessage(`Too late: ${describe(chosen)} cannot be restored.`);
}

/** Pauses running replies, which must not go on changing files in a session that its owner has deleted. */
async function pauseReplies({ sessions }: Services, chosen: readonly Session[]): Promise<ReadonlySet<string>> {
  const replying = chosen.filter(({ replying, state }) => replying && state === "active");
  const { done } = await runBatch(replying, ({ id }) => sessions.act("session/pause", id));
  return new Set(done.map(({ id }) => id));
}

/** Deletes a session, unless somebody has written in it since the person deleted it here. */
async function deleteUnchanged({ sessions }: Services, { id, messageCount }: Session): Promise<void> {
  if ((sessions.store.session(id)?.messageCount ?? 0) > messageCount)
    throw new Problem("sessionChanged", "Somebody has written in it meanwhile.", "Delete it again if you still want to.");
  try {
    await sessions.delete(id);
  } catch (error) {
    // Another window or participant has deleted it.
    if (problemOf(error).kind !== "sessionNotFound") throw error;
    sessions.store.changed({ deleted: id });
  }
}

/** Asks before it deletes a session that cannot be read: such a session is in no list, so an undo could not restore it there. */
async function removeUnreadable({ sessions, panels }: Services, sessionId: string): Promise<void> {
  const detail = "This version of sessionls cannot read it, so it cannot show what is in it. Its forks stay complete.";
  const question = "Delete this session permanently?";
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, "Delete")) !== "Delete") return;
  await sessions.delete(sessionId);
  panels.close(sessionId);
}

function knownSessions({ sessions }: Services, ids: readonly string[]): readonly Session[] {
  return ids.flatMap((id) => asList(sessions.store.session(id)));
}

function asList(session: Session | undefined): readonly Session[] {
  return session === undefined ? [] : [session];
}
