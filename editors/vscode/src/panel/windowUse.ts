/** Asks the server how much of its model's window a session takes, whenever that may have changed, and only for who can see it. */
import type { Api } from "../api";
import type { Session, WindowUse } from "../protocol";

/** Several things often change together, and a long session takes a while to measure. */
const PAUSE = 300; // milliseconds

export class WindowMeter {
  private timer: NodeJS.Timeout | undefined;
  private measured: string | undefined;
  private round = 0;

  constructor(
    private readonly api: Api,
    private readonly told: (use: WindowUse | undefined) => void,
  ) {}

  dispose(): void {
    clearTimeout(this.timer);
    this.round += 1;
  }

  /** The page has nothing, or something else was said or chosen. */
  reset(): void {
    this.measured = undefined;
  }

  /** Measures the session where it is another than when it was measured last. While a reply is written its end is waited for. */
  look(session: Session): void {
    const state = [session.messageCount, session.agent, session.model, session.usage.inputTokens].join(" ");
    if (session.replying || state === this.measured) return;
    this.measured = state;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.measure(session.id), PAUSE);
  }

  private async measure(sessionId: string): Promise<void> {
    const mine = ++this.round;
    // Where no model or agent can answer the panel says so already.
    const use = this.api.ready ? await this.api.request("session/window", { sessionId }).catch(() => undefined) : undefined;
    if (mine === this.round) this.told(use);
  }
}
