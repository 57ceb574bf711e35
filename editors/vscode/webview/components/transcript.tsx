/** The messages. It follows the newest one while the end is in sight, and loads older ones as the start comes near. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Agents, View } from "../../src/panel/messages";
import type { State } from "../state";
import { Icon } from "./icon";
import { MessageView } from "./message";

/** So near to an edge, in pixels, counts as at it. */
const END = 40;
const START = 600;
/** So long, in milliseconds, a message stands out that was looked for. */
const REVEALED = 2500;

const colors = new Set(["red", "green", "yellow", "blue", "magenta", "cyan"]);

interface TranscriptProps {
  readonly view: View;
  readonly agents: Agents;
  readonly loading: boolean;
  readonly reveal: State["reveal"];
  readonly onOlder: () => void;
}

export function Transcript({ view, agents, loading, reveal, onOlder }: TranscriptProps) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const before = useRef<{ first: string | undefined; height: number }>({ first: undefined, height: 0 });
  const [away, setAway] = useState(false);

  const first = view.messages[0]?.id;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    // Older messages came in above: what was in sight stays where it is.
    const was = before.current;
    if (was.first !== undefined && was.first !== first) element.scrollTop += element.scrollHeight - was.height;
    else if (following.current) element.scrollTop = element.scrollHeight;
    before.current = { first, height: element.scrollHeight };
  });

  useLayoutEffect(() => {
    const element = reveal && document.getElementById(`message-${reveal.messageId}`);
    if (!element) return;
    following.current = false;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.add("revealed");
    const timer = setTimeout(() => {
      element.classList.remove("revealed");
    }, REVEALED);
    return () => {
      clearTimeout(timer);
      element.classList.remove("revealed");
    };
  }, [reveal?.number]);

  useEffect(() => {
    const element = box.current;
    if (!element || !content.current) return;
    // What is drawn late (folded parts opened, the panel made narrower) keeps the end in sight too.
    const watch = new ResizeObserver(() => {
      if (following.current) element.scrollTop = element.scrollHeight;
    });
    watch.observe(content.current);
    watch.observe(element);
    return () => {
      watch.disconnect();
    };
  }, []);

  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < END;
    setAway(!following.current);
    if (element.scrollTop < START && view.more && !loading) onOlder();
  };
  const toEnd = () => {
    following.current = true;
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  const colorOf = (name: string) => {
    const color = agents.agents.find((agent) => agent.name === name)?.color;
    return color !== undefined && colors.has(color) ? color : undefined;
  };
  const last = view.messages.at(-1)?.id;
  return (
    <div class="transcript-box">
      <div class="transcript" ref={box} onScroll={scrolled} role="log" aria-label="Messages" tabIndex={0}>
        <div ref={content}>
          {view.more && (
            <div class="older">
              <button type="button" class="link" disabled={loading} onClick={onOlder}>
                {loading ? "Loading…" : "Older messages"}
              </button>
            </div>
          )}
          {view.messages.map((message) => (
            <MessageView
              key={message.id}
              message={message}
              color={"agent" in message.author ? colorOf(message.author.agent) : undefined}
              last={message.id === last}
            />
          ))}
        </div>
      </div>
      {away && (
        <button type="button" class="to-end" title="To the newest message" aria-label="To the newest message" onClick={toEnd}>
          <Icon name="arrow-down" />
        </button>
      )}
    </div>
  );
}
