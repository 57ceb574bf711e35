/** Matches for the word after `#` from the host. They arrive later, when the word may have changed. */
import { useEffect, useState } from "preact/hooks";
import type { Completion } from "../../src/panel/messages";
import { completionList, noMatches, type CompletionList, type CompletionQuery } from "../completionQuery";

/** Milliseconds to wait for matches. After that, Enter sends the message. */
const TIMEOUT = 3000;

/** Requests matching context from the host. */
export type Complete = (query: string) => Promise<readonly Completion[]>;

export function useCompletions(wanted: CompletionQuery | undefined, complete: Complete): CompletionList {
  const [matches, setMatches] = useState(noMatches);
  useEffect(() => {
    if (wanted?.kind !== "context") {
      setMatches(noMatches);
      return;
    }
    const { query, start } = wanted;
    let current = true;
    const onMatches = (items: readonly Completion[]) => {
      clearTimeout(timer);
      if (current) setMatches({ query, start, items });
    };
    const timer = setTimeout(onMatches, TIMEOUT, []);
    void complete(query).then(onMatches);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [wanted?.kind, wanted?.query, wanted?.start]);
  return completionList(matches, wanted);
}
