/** Deleted sessions that can still be restored: the server deletes them after a delay. */
import { Emitter } from "./emitter";

export class Deletions {
  private readonly pending = new Map<string, () => void>();
  private readonly changed = new Emitter<void>();

  readonly onDidChange = this.changed.event;

  has(sessionId: string): boolean {
    return this.pending.has(sessionId);
  }

  /** Restores all sessions that were deleted together with this one. */
  undo(sessionId: string): void {
    this.pending.get(sessionId)?.();
  }

  /** Delays the deletion of sessions. True if they were restored, by `undo` or because `undone` resolved to true in time. */
  async hold(sessionIds: readonly string[], milliseconds: number, undone: Promise<boolean>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, milliseconds, false);
      for (const id of sessionIds)
        this.pending.set(id, () => {
          resolve(true);
        });
      void undone.then((value) => {
        if (value) resolve(true);
      });
    });
    this.changed.fire();
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The sessions were deleted or restored. */
  release(sessionIds: readonly string[]): void {
    for (const id of sessionIds) this.pending.delete(id);
    this.changed.fire();
  }
}
