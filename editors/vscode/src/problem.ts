/** An error for people: what is wrong, and what to do about it. */
export class Problem extends Error {
  constructor(
    /**
     * The error kind of the protocol, or one of: `serverStopped` if there was no server, `serverStarting` if it had not started
     * yet, `serverLost` if it ended before it answered.
     */
    readonly kind: string,
    message: string,
    readonly hint?: string,
    /** The reason of `modelUnavailable`. */
    readonly reason?: string,
    /** Whether the message of the failed request is in the session nevertheless, so that it must not be sent again. */
    readonly messageAccepted = kind === "cancelled",
  ) {
    super(message);
  }

  /** The message and the hint, as one text. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message} ${this.hint}`;
  }
}

const CANCELLED = -32800;
// Error codes of vscode-jsonrpc for requests that were not answered, and for those that were not sent.
const UNANSWERED = -32097;
const UNSENT = new Set([-32096, -32099]);

/** Converts any error to a `Problem`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, message, data } = fields(error);
  if (code === UNANSWERED) return serverLost();
  if (code !== undefined && UNSENT.has(code)) return serverStopped();
  const kind = typeof data["kind"] === "string" ? data["kind"] : code === CANCELLED ? "cancelled" : "internalError";
  const hint = typeof data["hint"] === "string" ? data["hint"] : undefined;
  const reason = typeof data["reason"] === "string" ? data["reason"] : undefined;
  // The error of a reply contains the reply's id: the message was accepted.
  const kept = typeof data["replyId"] === "string" || kind === "cancelled";
  return new Problem(kind, message, hint, reason, kept);
}

export function serverStopped(): Problem {
  return new Problem("serverStopped", "The sessionls server is not running.", "Restart it, or read its output.");
}

/** The server ended before it answered a request, which it may or may not have accepted. */
export function serverLost(): Problem {
  return new Problem("serverLost", "The sessionls server ended before it answered.", "A reply that stopped can be resumed.");
}

function fields(error: unknown): { code?: number; message: string; data: Record<string, unknown> } {
  if (typeof error !== "object" || error === null) return { message: String(error), data: {} };
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  return {
    ...(typeof code === "number" && { code }),
    message: typeof message === "string" ? message : "Something went wrong.",
    data: typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {},
  };
}
