/** What the host finds for the word after `#`. It answers later, when the word may be another. */
import { useEffect, useState } from "preact/hooks";
import type { Completion } from "../../src/panel/messages";
import { fitting, nothingFound, type Fitting, type Wanted } from "../composing";

/** After so many milliseconds without an answer there is nothing to wait for: Enter sends again. */
const PATIENCE = 3000;

/** Asks the host for context that fits; the answer comes later. */
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
