/** What went wrong, in words for a person: what is wrong, and what to do about it. */
export class Problem extends Error {
  constructor(
    /** The kind of the protocol's error table; `serverStopped` where no server was asked, `serverLost` where it ended before it answered. */
    readonly kind: string,
    message: string,
    readonly hint?: string,
    /** Of `modelUnavailable`: which of its reasons. */
    readonly reason?: string,
    /** Whether a message whose request failed with this is in the session all the same, so that it must not be sent again. */
    readonly messageKept = kind === "cancelled",
  ) {
    super(message);
  }

  /** The message and the hint, as one text. */
  get words(): string {
    return this.hint === undefined ? this.message : `${this.message} ${this.hint}`;
  }
}

const CANCELLED = -32800;
// vscode-jsonrpc's codes: for requests that a connection left unanswered, and for those that it never took.
const UNANSWERED = -32097;
const UNSENT = new Set([-32096, -32099]);

/** Any error, as a `Problem`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, message, data } = fields(error);
  if (code === UNANSWERED) return lost();
  if (code !== undefined && UNSENT.has(code)) return stopped();
  const kind = typeof data["kind"] === "string" ? data["kind"] : code === CANCELLED ? "cancelled" : "internalError";
  const hint = typeof data["hint"] === "string" ? data["hint"] : undefined;
  const reason = typeof data["reason"] === "string" ? data["reason"] : undefined;
  // The error of a reply names it: its message was accepted.
  const kept = typeof data["replyId"] === "string" || kind === "cancelled";
  return new Problem(kind, message, hint, reason, kept);
}

export function stopped(): Problem {
  return new Problem(
    "serverStopped",
    "The sessionls server is not running.",
    "Try again when it has started, or see its output.",
  );
}

/** The server ended with a request unanswered: it may have accepted what was sent, or not. */
export function lost(): Problem {
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
