/** The comments below findings, stored beyond the window. The sessions have the messages, but not which finding they are about. */
import type { Memento } from "vscode";

/** A comment below a finding. */
export interface ThreadComment {
  author: string;
  text: string;
  label?: string;
  /** Milliseconds since 1970. */
  at: number;
  /** The reply is being written. */
  pending?: true;
}

const KEY = "findings.comments";
/** The number of findings whose comments are kept, those with the newest comments. */
const LIMIT = 100;

export class ThreadComments {
  private readonly all: Map<string, readonly ThreadComment[]>;

  constructor(private readonly memory: Memento) {
    this.all = new Map(
      memory.get<[string, readonly ThreadComment[]][]>(KEY, []).map(([id, comments]) => [id, comments.map(withoutPending)]),
    );
  }

  get(findingId: string): readonly ThreadComment[] {
    return this.all.get(findingId) ?? NOTHING;
  }

  /** Appends these comments, replacing their earlier versions. */
  put(findingId: string, ...comments: readonly ThreadComment[]): void {
    const before = this.get(findingId).filter((comment) => !comments.includes(comment));
    this.all.delete(findingId);
    this.all.set(findingId, [...before, ...comments]);
  }

  /** Stores the comments for the next window. */
  save(): Thenable<void> {
    return this.memory.update(KEY, [...this.all].slice(-LIMIT));
  }
}

const NOTHING: readonly ThreadComment[] = [];

/** A reply that was being written when the window closed has continued without it. */
function withoutPending({ pending, ...comment }: ThreadComment): ThreadComment {
  return pending ? { ...comment, text: "*The session has the reply.*" } : comment;
}
