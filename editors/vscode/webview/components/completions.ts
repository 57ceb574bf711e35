/** Matches for the word after `#` from the host. They arrive later, when the word may have changed. */
import { useEffect, useState } from "preact/hooks";
import type { Completion } from "../../src/panel/messages";
import { fitting, nothingFound, type Fitting, type Wanted } from "../composing";

/** Milliseconds to wait for matches. After that, Enter sends the message. */
const PATIENCE = 3000;

/** Requests matching context from the host. */
export type Complete = (query: string) => Promise<readonly Completion[]>;

export function useCompletions(asked: Wanted | undefined, complete: Complete): Fitting {
  const [found, setFound] = useState(nothingFound);
  useEffect(() => {
    if (asked?.kind !== "context") {
      setFound(nothingFound);
      return;
    }
    const { query, start } = asked;
    let current = true;
    const answered = (items: readonly Completion[]) => {
      clearTimeout(timer);
      if (current) setFound({ query, start, items });
    };
    const timer = setTimeout(answered, PATIENCE, []);
    void complete(query).then(answered);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [asked?.kind, asked?.query, asked?.start]);
  return fitting(found, asked);
}
