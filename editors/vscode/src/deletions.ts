/** Sessions that a person deleted and can still have back: the server is asked to delete them when that time is over. */
import { Emitter } from "./emitter";

export class Deletions {
  private readonly pending = new Map<string, () => void>();
  private readonly changed = new Emitter<void>();

  readonly onDidChange = this.changed.event;

  has(sessionId: string): boolean {
    return this.pending.has(sessionId);
  }

  /** Brings back all sessions that were deleted together with this one. */
  undo(sessionId: string): void {
    this.pending.get(sessionId)?.();
  }

  /** Holds sessions back from being deleted. True where they were brought back: by `undo`, or because `undone` says so in time. */
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

  /** The sessions are gone, or back. */
  release(sessionIds: readonly string[]): void {
    for (const id of sessionIds) this.pending.delete(id);
    this.changed.fire();
  }
}
