/** The unsent draft of each session, stored beyond its panel and the window. */
import type { Memento } from "vscode";
import { withUnsent, type Unconfirmed } from "./draft";
import type { Draft } from "./messages";

export class Drafts {
  constructor(private readonly memory: Memento) {}

  get(sessionId: string): Draft | undefined {
    return this.memory.get<Draft>(draftKey(sessionId));
  }

  save(sessionId: string, draft: Draft): Thenable<void> {
    const empty = draft.text === "" && draft.agent === undefined && draft.chips.length === 0;
    return this.memory.update(draftKey(sessionId), empty ? undefined : draft);
  }

  forget(sessionId: string): Thenable<void> {
    return this.memory.update(draftKey(sessionId), undefined);
  }

  /** Puts an unsent message before the current draft. */
  putBack(sessionId: string, refused: Draft): Thenable<void> {
    return this.save(sessionId, withUnsent(this.get(sessionId) ?? { text: "", chips: [] }, refused));
  }

  saveUnconfirmed(sessionId: string, unconfirmed: Unconfirmed): Thenable<void> {
    return this.memory.update(unconfirmedKey(sessionId), [...this.unconfirmed(sessionId), unconfirmed]);
  }

  /** The unsent messages of a session. Each is returned once. */
  takeUnconfirmed(sessionId: string): readonly Unconfirmed[] {
    const unconfirmed = this.unconfirmed(sessionId);
    if (unconfirmed.length > 0) void this.memory.update(unconfirmedKey(sessionId), undefined);
    return unconfirmed;
  }

  private unconfirmed(sessionId: string): readonly Unconfirmed[] {
    return this.memory.get<readonly Unconfirmed[]>(unconfirmedKey(sessionId), []);
  }
}

function draftKey(sessionId: string): string {
  return `draft ${sessionId}`;
}

function unconfirmedKey(sessionId: string): string {
  return `unsure ${sessionId}`;
}
