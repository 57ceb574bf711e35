/** The unsent draft of each session, stored beyond its panel and the window. */
import type { Memento } from "vscode";
import { givenBack, type Unsure } from "./draft";
import type { Draft } from "./messages";

export class Drafts {
  constructor(private readonly memory: Memento) {}

  of(sessionId: string): Draft | undefined {
    return this.memory.get<Draft>(draftOf(sessionId));
  }

  keep(sessionId: string, draft: Draft): Thenable<void> {
    const empty = draft.text === "" && draft.agent === undefined && draft.chips.length === 0;
    return this.memory.update(draftOf(sessionId), empty ? undefined : draft);
  }

  forget(sessionId: string): Thenable<void> {
    return this.memory.update(draftOf(sessionId), undefined);
  }

  /** Puts an unsent message before the current draft. */
  giveBack(sessionId: string, refused: Draft): Thenable<void> {
    return this.keep(sessionId, givenBack(this.of(sessionId) ?? { text: "", chips: [] }, refused));
  }

  keepUnsure(sessionId: string, unsure: Unsure): Thenable<void> {
    return this.memory.update(unsureOf(sessionId), [...this.unsure(sessionId), unsure]);
  }

  /** The unsent messages of a session. Each is returned once. */
  takeUnsure(sessionId: string): readonly Unsure[] {
    const unsure = this.unsure(sessionId);
    if (unsure.length > 0) void this.memory.update(unsureOf(sessionId), undefined);
    return unsure;
  }

  private unsure(sessionId: string): readonly Unsure[] {
    return this.memory.get<readonly Unsure[]>(unsureOf(sessionId), []);
  }
}

function draftOf(sessionId: string): string {
  return `draft ${sessionId}`;
}

function unsureOf(sessionId: string): string {
  return `unsure ${sessionId}`;
}
