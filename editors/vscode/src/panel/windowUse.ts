/** Requests a session's use of the context window whenever it may have changed while the panel is visible. */
import type { Api } from "../api";
import type { Session, WindowUse } from "../protocol";

/** Joins changes that happen together, because measuring a long session takes a while. */
const DELAY = 300; // milliseconds

export class WindowMeter {
  private timer: NodeJS.Timeout | undefined;
  private measured: string | undefined;
  private round = 0;

  constructor(
    private readonly api: Api,
    private readonly onMeasured: (use: WindowUse | undefined) => void,
  ) {}

  dispose(): void {
    clearTimeout(this.timer);
    this.round += 1;
  }

  /** Measures again for a new page, or after a change. */
  reset(): void {
    this.measured = undefined;
  }

  /** Measures the session if it has changed since the last time. Waits for the end of a reply being written. */
  update(session: Session): void {
    const state = [session.messageCount, session.agent, session.model, session.usage.inputTokens].join(" ");
    if (session.replying || state === this.measured) return;
    this.measured = state;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.measure(session.id), DELAY);
  }

  private async measure(sessionId: string): Promise<void> {
    const thisRound = ++this.round;
    // The panel already shows that no model or agent is available.
    const use = this.api.ready ? await this.api.request("session/window", { sessionId }).catch(() => undefined) : undefined;
    if (thisRound === this.round) this.onMeasured(use);
  }
}
