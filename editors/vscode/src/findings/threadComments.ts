/** The comments below findings, stored beyond the window. The sessions have the messages, but not which finding they are about. */
import type { Memento } from "vscode";

/** A comment below a finding. */
export interface ThreadComment {
  author: string;
  words: string;
  label?: string;
  /** Milliseconds since 1970. */
  at: number;
  /** The reply is being written. */
  pending?: true;
}

const KEY = "findings.said";
/** The number of findings whose comments are kept, those with the newest comments. */
const LIMIT = 100;

export class ThreadComments {
  private readonly all: Map<string, readonly ThreadComment[]>;

  constructor(private readonly memory: Memento) {
    this.all = new Map(memory.get<[string, readonly ThreadComment[]][]>(KEY, []).map(([id, said]) => [id, said.map(settled)]));
  }

  of(findingId: string): readonly ThreadComment[] {
    return this.all.get(findingId) ?? NOTHING;
  }

  /** Appends these comments, replacing their earlier versions. */
  put(findingId: string, ...said: readonly ThreadComment[]): void {
    const before = this.of(findingId).filter((one) => !said.includes(one));
    this.all.delete(findingId);
    this.all.set(findingId, [...before, ...said]);
  }

  /** Stores the comments for the next window. */
  keep(): Thenable<void> {
    return this.memory.update(KEY, [...this.all].slice(-LIMIT));
  }
}

const NOTHING: readonly ThreadComment[] = [];

/** A reply that was being written when the window closed has continued without it. */
function settled({ pending, ...said }: ThreadComment): ThreadComment {
  return pending ? { ...said, words: "*The session has the reply.*" } : said;
}
