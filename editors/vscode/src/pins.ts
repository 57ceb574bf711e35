/** The pinned sessions of this workspace, which are always at the top of the list. */
import type { Memento } from "vscode";
import { Emitter } from "./emitter";

const KEY = "pinned sessions";

export class Pins {
  private readonly changed = new Emitter<void>();

  readonly onDidChange = this.changed.event;

  constructor(private readonly memory: Memento) {}

  get ids(): ReadonlySet<string> {
    return new Set(this.memory.get<readonly string[]>(KEY, []));
  }

  async set(ids: readonly string[], pinned: boolean): Promise<void> {
    const now = new Set(this.ids);
    for (const id of ids) {
      if (pinned) now.add(id);
      else now.delete(id);
    }
    await this.memory.update(KEY, now.size === 0 ? undefined : [...now]);
    this.changed.fire();
  }
}
