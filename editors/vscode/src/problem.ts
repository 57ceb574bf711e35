/** What went wrong, in words for a person: what is wrong, and what to do about it. */
export class Problem extends Error {
  constructor(
    /** The kind of the protocol's error table; `serverStopped` where no server was asked, `serverLost` where it ended before it answered. */
    readonly kind: string,
    message: string,
    readonly hint?: string,
    /** Of `modelUnavailable`: which of its reasons. */
    readonly reason?: string,
  ) {
    super(message);
  }

  /** The message and the hint, as one text. */
  get words(): string {
    return this.hint === undefined ? this.message : `${this.message} ${this.hint}`;
  }

  /** Whether a message whose request failed with this is in the session all the same, so that it must not be sent again. */
  get messageKept(): boolean {
    return this.kind === "modelUnavailable" || this.kind === "cancelled" || this.kind === "serverLost";
  }
}

const CANCELLED = -32800;
// JSON-RPC's codes for a connection that went away with requests unanswered, and for one that is not there.
const GONE = new Set([-32097, -32096, -32099]);

/** Any error, as a `Problem`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, message, data } = fields(error);
  if (code !== undefined && GONE.has(code)) return lost();
  const kind = typeof data["kind"] === "string" ? data["kind"] : code === CANCELLED ? "cancelled" : "internalError";
  const hint = typeof data["hint"] === "string" ? data["hint"] : undefined;
  const reason = typeof data["reason"] === "string" ? data["reason"] : undefined;
  return new Problem(kind, message, hint, reason);
}

export function stopped(): Problem {
  return new Problem(
    "serverStopped",
    "The sessionls server is not running.",
    "Try again when it has started, or see its output.",
  );
}

/** The server ended with a request unanswered. What it had accepted is kept. */
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
