/** Where a message is written: its text, the agent for it, and the context that goes along. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Completion, Draft } from "../../src/panel/messages";
import { cut, named, wanted, type Wanted } from "../composing";
import { tell } from "../host";
import type { State } from "../state";
import { textOf } from "../words";
import { AgentPicker, agentChoices } from "./agent-picker";
import { Chips } from "./chips";
import { Icon, IconButton } from "./icon";
import { Menu, menuKey, type Choice } from "./menu";

const empty: Draft = { text: "", chips: [] };

/** A draft is kept when so many milliseconds have passed without a change. */
const DRAFT = 150;

interface ComposerProps {
  readonly state: State;
  readonly view: NonNullable<State["view"]>;
  /** Asks the host for context that fits; the answer comes later. */
  readonly complete: (query: string) => Promise<readonly Completion[]>;
}

export function Composer({ state, view, complete }: ComposerProps) {
  const { session } = view;
  const [draft, setDraft] = useState<Draft>(state.draft);
  const [asked, setAsked] = useState<Wanted>();
  const [found, setFound] = useState<readonly Completion[]>([]);
  const [active, setActive] = useState(0);
  const area = useRef<HTMLTextAreaElement>(null);
  const agents = state.agents.agents;
  const ready = state.server === "ready";

  // While a person types, a moment after each word is soon enough.
  useEffect(() => {
    if (draft === state.draft) return;
    const timer = setTimeout(() => {
      tell({ type: "draft", draft });
    }, DRAFT);
    return () => {
      clearTimeout(timer);
    };
  }, [draft]);

  useEffect(() => {
    const wants = state.compose;
    if (!wants) return;
    setDraft((now) => {
      if (wants.onlyIfEmpty) return now.text.trim() === "" ? wants.draft : now;
      const chips = [...now.chips, ...wants.draft.chips.filter((chip) => !now.chips.some((old) => old.key === chip.key))];
      const agent = wants.draft.agent ?? now.agent;
      const text = wants.draft.text === "" ? now.text : wants.draft.text;
      return withAgent({ text, chips }, agent === session.agent ? undefined : agent);
    });
    area.current?.focus();
  }, [state.compose?.number]);

  useEffect(() => {
    if (asked?.kind !== "context") return;
    let current = true;
    void complete(asked.query).then((items) => {
      if (!current) return;
      setFound(items);
      setActive(0);
    });
    return () => {
      current = false;
    };
  }, [asked?.kind, asked?.query]);

  const choices: Choice[] =
    asked?.kind === "agent"
      ? agentChoices(agents, session.agent, draft.agent ?? session.agent, asked.query)
      : found.map((item) => ({ key: item.chip.key, label: item.label, detail: item.detail, icon: item.icon }));

  const look = (box: HTMLTextAreaElement) => {
    const now = box.selectionStart === box.selectionEnd ? wanted(box.value, box.selectionStart) : undefined;
    if (now?.kind === "agent" && now.query !== asked?.query) setActive(0);
    setAsked(now);
  };
  const pick = (index: number) => {
    const choice = choices[index];
    if (!asked || !choice || choice.disabled) return;
    const chip = found[index]?.chip;
    setDraft((now) => {
      const text = cut(now.text, asked.start, asked.end);
      if (asked.kind === "agent") return withAgent({ ...now, text }, choice.key === session.agent ? undefined : choice.key);
      return chip && !now.chips.some((old) => old.key === chip.key)
        ? { ...now, text, chips: [...now.chips, chip] }
        : { ...now, text };
    });
    setAsked(undefined);
    const caret = asked.start;
    requestAnimationFrame(() => {
      area.current?.setSelectionRange(caret, caret);
      area.current?.focus();
    });
  };
  const sendable =
    ready &&
    session.state === "active" &&
    named(
      draft.text,
      agents.map((agent) => agent.name),
    ).text !== "";
  const send = (delivery: "queue" | "steer") => {
    if (!sendable) return;
    const { text, agent } = named(
      draft.text,
      agents.map((one) => one.name),
    );
    tell({ type: "send", delivery, draft: withAgent({ ...draft, text }, agent ?? draft.agent) });
    setDraft(empty);
    setAsked(undefined);
  };
  const last = () => view.messages.findLast((message) => message.role === "participant");

  const pressed = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (asked) {
      const does = menuKey(event.key, active, choices);
      if (does !== undefined) {
        event.preventDefault();
        if (does === "close") setAsked(undefined);
        else if (does === "pick") pick(active);
        else setActive(does);
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send((event.ctrlKey || event.metaKey) && session.replying ? "steer" : "queue");
    } else if (event.key === "ArrowUp" && draft.text === "") {
      const message = last();
      if (!message) return;
      event.preventDefault();
      setDraft((now) => ({ ...now, text: textOf(message) }));
    }
  };
  const addContext = () => {
    const box = area.current;
    if (!box) return;
    const at = box.selectionEnd;
    const text = `${draft.text.slice(0, at)}${at === 0 || /\s$/.test(draft.text.slice(0, at)) ? "" : " "}#${draft.text.slice(at)}`;
    setDraft((now) => ({ ...now, text }));
    requestAnimationFrame(() => {
      const caret = at + text.length - draft.text.length;
      box.focus();
      box.setSelectionRange(caret, caret);
      look(box);
    });
  };

  return (
    <div class="composer" aria-label="Composer">
      <Chips
        chips={draft.chips}
        offers={state.offers}
        onAdd={(chip) => {
          setDraft((now) => ({ ...now, chips: [...now.chips, chip] }));
          area.current?.focus();
        }}
        onRemove={(chip) => {
          setDraft((now) => ({ ...now, chips: now.chips.filter((one) => one.key !== chip.key) }));
          area.current?.focus();
        }}
      />
      <div class="text-box">
        {asked && (
          <Menu
            id="completions"
            label={asked.kind === "agent" ? "Agents" : "Context"}
            choices={choices}
            active={active}
            empty={asked.kind === "agent" ? "No agent of that name" : "Nothing found"}
            onPick={pick}
            onHover={setActive}
          />
        )}
        <textarea
          ref={area}
          rows={1}
          value={draft.text}
          placeholder={placeholder(session.replying, draft.agent ?? session.agent)}
          aria-label="Message"
          aria-autocomplete="list"
          {...(asked ? { "aria-controls": "completions", "aria-activedescendant": `completions-${active}` } : {})}
          onInput={(event) => {
            const text = event.currentTarget.value;
            setDraft((now) => ({ ...now, text }));
            look(event.currentTarget);
          }}
          onKeyDown={pressed}
          onClick={(event) => {
            look(event.currentTarget);
          }}
          onBlur={() => {
            setAsked(undefined);
            tell({ type: "draft", draft });
          }}
        />
      </div>
      <div class="composer-bar">
        <AgentPicker
          agents={agents}
          standard={session.agent}
          chosen={draft.agent}
          onChoose={(agent) => {
            setDraft((now) => withAgent(now, agent));
            area.current?.focus();
          }}
        />
        <IconButton name="add" label="Add Context… (#)" onPress={addContext} class="add-context" />
        <span class="spacer" />
        {session.queued > 0 && (
          <span class="dim waiting-count" role="status">
            {session.queued} waiting
          </span>
        )}
        {session.replying && <Act type="pause" icon="debug-pause" label="Pause" />}
        {session.replying && <Act type="cancel" icon="debug-stop" label="Stop" />}
        <button
          type="button"
          class="send"
          disabled={!sendable}
          aria-label="Send"
          title={session.replying ? "Send after this reply (Enter), to this reply (Ctrl+Enter)" : "Send (Enter)"}
          onClick={() => {
            send("queue");
          }}
        >
          <Icon name="send" />
        </button>
      </div>
    </div>
  );
}

function Act({ type, icon, label }: { readonly type: "pause" | "cancel"; readonly icon: string; readonly label: string }) {
  return (
    <IconButton
      name={icon}
      label={label}
      onPress={() => {
        tell({ type });
      }}
    />
  );
}

function withAgent(draft: Draft, agent: string | undefined): Draft {
  const { agent: _old, ...rest } = draft;
  return agent === undefined ? rest : { ...rest, agent };
}

function placeholder(replying: boolean, agent: string): string {
  return replying ? "Write the next message. It waits for this reply." : `Message ${agent}. @ names an agent, # adds context.`;
}
