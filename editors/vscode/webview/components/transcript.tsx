/** The messages. It follows the newest one while the end is in sight, and loads older ones as the start comes near. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Agents, View } from "../../src/panel/messages";
import { mentions } from "../../src/people";
import { anchorIn, moved, toMiddle, type Anchor } from "../anchoring";
import { focusHere } from "../focusing";
import { newestBegun } from "../messages";
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
  /** Which participant the person here is. */
  readonly me: string | undefined;
  readonly loading: boolean;
  readonly reveal: State["reveal"];
  /** How many messages were sent from here: who sends one wants to see it. */
  readonly sent: number;
  readonly onOlder: () => void;
}

export function Transcript({ view, agents, me, loading, reveal, sent, onOlder }: TranscriptProps) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  /** Where it was scrolled to last to follow. */
  const followed = useRef(0);
  const anchor = useRef<Anchor | undefined>(undefined);
  const [away, setAway] = useState(false);

  /** Keeps the end in sight, or else what was in sight where it was, whatever came or grew above it. */
  const settle = useCallback(() => {
    const element = box.current;
    if (!element) return;
    if (following.current) {
      element.scrollTop = element.scrollHeight;
      followed.current = element.scrollTop;
    } else if (anchor.current) element.scrollTop += moved(element, anchor.current);
  }, []);
  useLayoutEffect(settle);

  useLayoutEffect(() => {
    if (sent === 0) return;
    following.current = true;
    setAway(false);
    settle();
  }, [sent]);

  useLayoutEffect(() => {
    const list = box.current;
    const element = reveal && list?.querySelector<HTMLElement>(`[data-id="${CSS.escape(reveal.messageId)}"]`);
    if (!list || !element) return;
    following.current = false;
    // The browser's own way would move the pages around this one as well.
    list.scrollTop += toMiddle(list, element);
    anchor.current = anchorIn(list);
    focusHere(element);
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
    if (!box.current || !content.current) return;
    // Much changes its height without being drawn anew: folds that open, messages that come into sight, the panel made narrower.
    const watch = new ResizeObserver(settle);
    watch.observe(content.current);
    watch.observe(box.current);
    return () => {
      watch.disconnect();
    };
  }, []);

  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    // What is longer than was guessed before it was drawn takes nobody away from the end: only who scrolls up goes away.
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END;
    following.current = atEnd || (following.current && element.scrollTop >= followed.current - 1);
    anchor.current = anchorIn(element);
    setAway(!following.current);
    if (element.scrollTop < START && view.more && !loading) onOlder();
  };
  const older = () => {
    onOlder();
    // The button can do nothing for a while, and loses the focus. Who goes on reading has it where the arrow keys scroll.
    box.current?.focus({ preventScroll: true });
  };
  const toEnd = () => {
    following.current = true;
    setAway(false);
    settle();
    // The button goes away, and the focus with it.
    box.current?.focus({ preventScroll: true });
  };
  const colorOf = (name: string) => {
    const color = agents.agents.find((agent) => agent.name === name)?.color;
    return color !== undefined && colors.has(color) ? color : undefined;
  };
  const last = newestBegun(view.messages)?.id;
  const firstWaiting = view.messages.find(({ status }) => status === "queued")?.id;
  return (
    <div class="transcript-box">
      <div class="transcript" ref={box} onScroll={scrolled} role="log" aria-label="Messages" aria-busy={loading} tabIndex={0}>
        <div ref={content}>
          {view.more && (
            <div class="older">
              <button type="button" class="link" disabled={loading} onClick={older}>
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
              firstWaiting={message.id === firstWaiting}
              mentionsYou={mentions(message, me)}
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
