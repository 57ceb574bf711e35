/** What is written and not yet sent, for each session: it outlives its panel, and a window that is closed without a word. */
import type { Memento } from "vscode";
import type { Draft } from "./messages";

export class Drafts {
  constructor(private readonly memory: Memento) {}

  of(sessionId: string): Draft | undefined {
    return this.memory.get<Draft>(key(sessionId));
  }

  keep(sessionId: string, draft: Draft): Thenable<void> {
    const empty = draft.text === "" && draft.agent === undefined && draft.chips.length === 0;
    return this.memory.update(key(sessionId), empty ? undefined : draft);
  }

  forget(sessionId: string): Thenable<void> {
    return this.memory.update(key(sessionId), undefined);
  }
}

function key(sessionId: string): string {
  return `draft ${sessionId}`;
}
