/** The messages. Follows the newest one while the end is visible, and loads older ones near the start. */
import { memo } from "preact/compat";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Agents, Message, View } from "../../src/panel/messages";
import { mentions } from "../../src/people";
import { anchorIn, distanceMoved, toMiddle, type Anchor } from "../scrollAnchor";
import { focusHere } from "../focusHere";
import { newestStarted } from "../findMessages";
import { MessageGroups } from "../messageGroups";
import type { State } from "../state";
import { Icon } from "./icon";
import { MessageView } from "./message";

/** The distance in pixels that counts as being at an edge. */
const END = 40;
const START = 600;
/** Milliseconds for which a message is highlighted after scrolling to it. */
const REVEALED = 2500;

const colors = new Set(["red", "green", "yellow", "blue", "magenta", "cyan"]);

interface TranscriptProps {
  readonly view: View;
  readonly agents: Agents;
  /** Which participant the person here is. */
  readonly me: string | undefined;
  readonly loading: boolean;
  readonly reveal: State["reveal"];
  /** The number of messages sent from here. Sending one scrolls to the end. */
  readonly sent: number;
  readonly onOlder: () => void;
}

export function Transcript({ view, agents, me, loading, reveal, sent, onOlder }: TranscriptProps) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  /** The last position that was scrolled to automatically. */
  const lastScrollTop = useRef(0);
  const anchor = useRef<Anchor | undefined>(undefined);
  const groups = useRef(new MessageGroups());
  const [away, setAway] = useState(false);

  /** Keeps the end visible, or the visible messages at their position, whatever was added above them. */
  const settle = useCallback(() => {
    const element = box.current;
    if (!element) return;
    if (following.current) {
      element.scrollTop = element.scrollHeight;
      lastScrollTop.current = element.scrollTop;
    } else if (anchor.current) element.scrollTop += distanceMoved(element, anchor.current);
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
    // The browser's own method would also scroll the pages around this one.
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
    // Heights also change without redrawing: folds open, messages become visible, the panel is resized.
    const watch = new ResizeObserver(settle);
    watch.observe(content.current);
    watch.observe(box.current);
    return () => {
      watch.disconnect();
    };
  }, []);

  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    // A message that turns out longer than estimated must not count as leaving the end. Only scrolling up does.
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END;
    following.current = atEnd || (following.current && element.scrollTop >= lastScrollTop.current - 1);
    anchor.current = anchorIn(element);
    setAway(!following.current);
    if (element.scrollTop < START && view.more && !loading) onOlder();
  };
  const older = () => {
    onOlder();
    // The button is disabled for a while and loses the focus. Focus the list, which the arrow keys scroll.
    box.current?.focus({ preventScroll: true });
  };
  const scrollToEnd = () => {
    following.current = true;
    setAway(false);
    settle();
    // The button disappears, and the focus with it.
    box.current?.focus({ preventScroll: true });
  };
  const last = newestStarted(view.messages)?.id;
  const firstWaiting = view.messages.find(({ status }) => status === "queued")?.id;
  return (
    <div class="transcript-box">
      <div class="transcript" ref={box} onScroll={onScroll} role="log" aria-label="Messages" aria-busy={loading} tabIndex={0}>
        <div ref={content}>
          {view.more && (
            <div class="older">
              <button type="button" class="link" disabled={loading} onClick={older}>
                {loading ? "Loading…" : "Older messages"}
              </button>
            </div>
          )}
          {groups.current.divide(view.messages).map(({ key, messages }) => {
            const own = (id: string | undefined) => (messages.some((message) => message.id === id) ? id : undefined);
            return (
              <Group key={key} messages={messages} agents={agents} me={me} last={own(last)} firstWaiting={own(firstWaiting)} />
            );
          })}
        </div>
      </div>
      {away && (
        <button
          type="button"
          class="to-end"
          title="To the newest message"
          aria-label="To the newest message"
          onClick={scrollToEnd}
        >
          <Icon name="arrow-down" />
        </button>
      )}
    </div>
  );
}

interface GroupProps {
  readonly messages: readonly Message[];
  readonly agents: Agents;
  readonly me: string | undefined;
  /** The last message that is not waiting, and the first one that is, if they are in this group. */
  readonly last: string | undefined;
  readonly firstWaiting: string | undefined;
}

/** Neighbouring messages, drawn again only if one of them has changed. */
const Group = memo(function Group({ messages, agents, me, last, firstWaiting }: GroupProps) {
  const colorOf = (name: string) => {
    const color = agents.agents.find((agent) => agent.name === name)?.color;
    return color !== undefined && colors.has(color) ? color : undefined;
  };
  return (
    <div class="message-group">
      {messages.map((message) => (
        <MessageView
          // A message that no longer waits gets a new element: Chromium keeps the style of one that moves while its class changes.
          key={message.status === "queued" ? `${message.id} waiting` : message.id}
          message={message}
          color={"agent" in message.author ? colorOf(message.author.agent) : undefined}
          last={message.id === last}
          firstWaiting={message.id === firstWaiting}
          mentionsYou={mentions(message, me)}
        />
      ))}
    </div>
  );
});
