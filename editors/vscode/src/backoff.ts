/** How long to wait before the server is started again, and when to give up. Times are in milliseconds. */
export class Backoff {
  private failures = 0;
  private startedAt = 0;

  constructor(
    private readonly now: () => number = Date.now,
    private readonly first = 500,
    private readonly longest = 30_000,
    /** A server that ran for so long counts as healthy. */
    private readonly stable = 60_000,
    private readonly attempts = 6,
  ) {}

  started(): void {
    this.startedAt = this.now();
  }

  /** The wait before the next start; undefined after too many failures in a row. */
  ended(): number | undefined {
    if (this.startedAt > 0 && this.now() - this.startedAt >= this.stable) this.failures = 0;
    this.startedAt = 0;
    this.failures += 1;
    if (this.failures > this.attempts) return undefined;
    return Math.min(this.first * 2 ** (this.failures - 1), this.longest);
  }

  reset(): void {
    this.failures = 0;
  }
}
