/** What the empty composer shows. In a narrow panel it is short: as many lines as it takes, the composer has. */
import { useEffect, useState } from "preact/hooks";

const NARROW = "(max-width: 240px)";

export function usePlaceholder(canWrite: boolean, replying: boolean, agent: string): string {
  const narrow = useMedia(NARROW);
  if (!canWrite) return narrow ? "Leave a comment." : "Leave a comment. It wakes no agent. @ names a person, # adds context.";
  if (replying) return narrow ? "Next message" : "Write the next message. It waits for this reply.";
  return narrow ? `Message ${agent}` : `Message ${agent}. @ names an agent, # adds context, / lists prompts and commands.`;
}

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const update = () => {
      setMatches(media.matches);
    };
    update();
    media.addEventListener("change", update);
    return () => {
      media.removeEventListener("change", update);
    };
  }, [query]);
  return matches;
}
