/** What was said below findings: their sessions have it too, but not which finding each message is about. It outlives the window. */
import type { Memento } from "vscode";

/** Something said below a finding. */
export interface ThreadComment {
  author: string;
  words: string;
  label?: string;
  /** Milliseconds since 1970. */
  at: number;
  /** It is being written. */
  pending?: true;
}

const KEY = "findings.said";
/** Of so many findings, those that were spoken of last. */
const LIMIT = 100;

export class ThreadComments {
  private readonly all: Map<string, readonly ThreadComment[]>;

  constructor(private readonly memory: Memento) {
    this.all = new Map(memory.get<[string, readonly ThreadComment[]][]>(KEY, []).map(([id, said]) => [id, said.map(settled)]));
  }

  of(findingId: string): readonly ThreadComment[] {
    return this.all.get(findingId) ?? NOTHING;
  }

  /** Puts these at the end of what was said, in place of what they were there before. */
  put(findingId: string, ...said: readonly ThreadComment[]): void {
    const before = this.of(findingId).filter((one) => !said.includes(one));
    this.all.delete(findingId);
    this.all.set(findingId, [...before, ...said]);
  }

  /** Keeps what was said for the next window. */
  keep(): Thenable<void> {
    return this.memory.update(KEY, [...this.all].slice(-LIMIT));
  }
}

const NOTHING: readonly ThreadComment[] = [];

/** What was being written when the window closed went on without it. */
function settled({ pending, ...said }: ThreadComment): ThreadComment {
  return pending ? { ...said, words: "*The session has the reply.*" } : said;
}
