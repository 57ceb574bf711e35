/** The composer for a message: its text, agent and context. */
import type { RefObject } from "preact";
import { useContext, useEffect, useLayoutEffect, useState } from "preact/hooks";
import { givenBack, together } from "../../src/panel/draft";
import type { Draft } from "../../src/panel/messages";
import { menuKey, type Choice } from "../choosing";
import { may, mentionable, roleOf } from "../../src/people";
import { cut, named, wanted, type Wanted } from "../composing";
import { notified, personChoices, personText } from "../mentioning";
import { focusHere } from "../focusing";
import { keep, kept, tell } from "../host";
import { attach, canDrop } from "../images";
import { localKeys } from "../keys";
import { writtenLast } from "../messages";
import type { State } from "../state";
import { slashChoices, slashCommand } from "../slashes";
import { namesText } from "../../src/tree";
import { AgentPicker, agentChoices } from "./agent-picker";
import { Chips } from "./chips";
import { useCompletions, type Complete } from "./completions";
import { ToComposer } from "./focus";
import { Icon, IconButton } from "./icon";
import { Menu } from "./menu";
import { HeldBack } from "./notices";
import { ReadOnly } from "./people";

const empty: Draft = { text: "", chips: [] };

/** A draft of more characters is stored after so many milliseconds without a change; a shorter one immediately. */
const LONG = 10_000;
const DRAFT = 150;

interface ComposerProps {
  readonly state: State;
  readonly view: NonNullable<State["view"]>;
  readonly complete: Complete;
  readonly area: RefObject<HTMLTextAreaElement | null>;
  readonly onSent: () => void;
}

export function Composer({ state, view, complete, area, onSent }: ComposerProps) {
  const { session } = view;
  const [draft, setDraft] = useState<Draft>(state.draft);
  const [asked, setAsked] = useState<Wanted>();
  const [active, setActive] = useState(0);
  /** Enter was pressed, but the person has to choose first how to continue the session. */
  const [heldBack, setHeldBack] = useState(false);
  const { items, pending } = useCompletions(asked, complete);
  const agents = state.agents.agents;
  const ready = state.server === "ready";

  // VS Code discards a hidden page immediately, with everything that it has not sent.
  useEffect(() => {
    if (draft === state.draft) return;
    if (draft.text.length <= LONG) {
      tell({ type: "draft", draft });
      return;
    }
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
      if (wants.givenBack) return givenBack(now, wants.draft);
      const chips = together(now.chips, wants.draft.chips);
      const agent = wants.draft.agent ?? now.agent;
      const text = wants.draft.text === "" ? now.text : wants.draft.text;
      return withAgent({ text, chips }, agent === session.agent ? undefined : agent);
    });
    focusHere(area.current);
  }, [state.compose?.number]);

  useLayoutEffect(() => {
    setActive(0);
  }, [items]);

  const role = roleOf(session, state.me);
  const writes = may(role, "writer");
  const people = mentionable(session, state.me);
  const prompts = writes ? state.prompts : [];
  const choices: Choice[] =
    asked?.kind === "agent" || asked?.kind === "person"
      ? [
          ...(writes && asked.kind === "agent"
            ? agentChoices(agents, session.agent, draft.agent ?? session.agent, asked.query)
            : []),
          ...personChoices(people, view.participants, asked.query),
        ]
      : asked?.kind === "prompt"
        ? slashChoices(prompts, asked.query)
        : items.map((item) => ({ key: item.chip.key, label: item.label, detail: item.detail, icon: item.icon }));

  const look = (box: HTMLTextAreaElement) => {
    const found = box.selectionStart === box.selectionEnd ? wanted(box.value, box.selectionStart) : undefined;
    const now = found?.kind === "person" && people.length === 0 ? undefined : found;
    if ((now?.kind === "agent" || now?.kind === "person") && now.query !== asked?.query) setActive(0);
    // Files can change at any time.
    if (now?.kind === "prompt" && asked?.kind !== "prompt") tell({ type: "listPrompts" });
    setAsked(now);
  };
  const write = (text: string) => {
    setDraft((now) => ({ ...now, text }));
    requestAnimationFrame(() => {
      area.current?.setSelectionRange(text.length, text.length);
      area.current?.focus();
    });
  };
  const run = (command: NonNullable<ReturnType<typeof slashCommand>>) => {
    tell({ type: "command", command });
    setDraft((now) => ({ ...now, text: "" }));
  };
  const pick = (index: number) => {
    const choice = choices[index];
    if (!asked || !choice || choice.disabled) return;
    if (asked.kind === "prompt") {
      setAsked(undefined);
      const command = slashCommand(prompts, choice.label);
      if (command === undefined) write(`${choice.label} `);
      else run(command);
      return;
    }
    const person = personText(choice, people, agents);
    if (person !== undefined) {
      const { start, end } = asked;
      setDraft((now) => ({ ...now, text: `${now.text.slice(0, start)}${person}${now.text.slice(end).trimStart()}` }));
      setAsked(undefined);
      requestAnimationFrame(() => {
        area.current?.setSelectionRange(start + person.length, start + person.length);
        area.current?.focus();
      });
      return;
    }
    const chip = items[index]?.chip;
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
  const parsed = named(
    draft.text,
    agents.map((agent) => agent.name),
  );
  const chosen = parsed.agent ?? draft.agent;
  const written = ready && !state.deleting && parsed.text !== "";
  const paused = session.state === "paused";
  const interrupted = session.state === "active" && session.stopped === "interrupted";
  const sendable = written && session.state === "active";
  // The session accepts messages again.
  const asks = writes && heldBack && written && (paused || interrupted);
  const outgoing = () => withAgent({ ...draft, text: parsed.text }, chosen);
  const send = (delivery: "queue" | "steer", how?: "resume" | "without") => {
    const command = slashCommand(prompts, parsed.text);
    if (command !== undefined) {
      run(command);
      return;
    }
    if (!writes) {
      if (!sendable) return;
      tell({ type: "comment", draft: { text: draft.text.trim(), chips: draft.chips } });
      keep({ sessionId: session.id, sent: draft.text.trim() });
      clear();
      return;
    }
    if (!sendable && !(written && paused && how === "resume")) return;
    if (interrupted && how === undefined) {
      setHeldBack(true);
      return;
    }
    tell({ type: "send", delivery, draft: outgoing(), ...(how === "resume" && { resume: true }) });
    keep({ sessionId: session.id, sent: parsed.text });
    clear();
  };
  const clear = () => {
    setHeldBack(false);
    setDraft(empty);
    setAsked(undefined);
    onSent();
    // The pressed button is disabled now, and loses the focus.
    area.current?.focus();
  };

  const pressed = (event: KeyboardEvent) => {
    if (composes(event)) return;
    if (asked) {
      const does = pending && (event.key === "Enter" || event.key === "Tab") ? "wait" : menuKey(event.key, active, choices);
      if (does !== undefined) {
        event.preventDefault();
        if (does === "close") setAsked(undefined);
        else if (does === "pick") pick(active);
        else if (does !== "wait") setActive(does);
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (asks) send("queue", "resume");
      else if (writes && paused && written) setHeldBack(true);
      else send((event.ctrlKey || event.metaKey) && session.replying ? "steer" : "queue");
    } else if (event.key === "Escape" && asks) {
      event.preventDefault();
      setHeldBack(false);
    } else if (event.key === "Escape" && !modified(event) && writes && session.replying && ready) {
      event.preventDefault();
      tell({ type: "cancel" });
    } else if (event.key === "ArrowUp" && !modified(event) && draft.text === "") {
      const last = kept();
      const text = writtenLast(view, last?.sessionId === session.id ? last.sent : undefined, state.me);
      if (text === undefined) return;
      event.preventDefault();
      setDraft((now) => ({ ...now, text }));
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

  if (role === "reader") return <ReadOnly session={session} draft={draft} />;
  const toPeople = writes && chosen === undefined ? notified(parsed.text, people, agents) : [];
  return (
    <div
      class="composer"
      role="group"
      aria-label="Composer"
      onDragOver={(event) => {
        if (canDrop(event.dataTransfer)) event.preventDefault();
      }}
      onDrop={(event) => {
        if (!canDrop(event.dataTransfer)) return;
        event.preventDefault();
        attach(event.dataTransfer);
      }}
    >
      {asks && (
        <HeldBack
          paused={paused}
          onResume={() => {
            send("queue", "resume");
          }}
          onOther={() => {
            if (paused) {
              tell({ type: "fork", draft: outgoing() });
              clear();
            } else send("queue", "without");
          }}
          onDismiss={() => {
            setHeldBack(false);
            area.current?.focus();
          }}
        />
      )}
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
            label={
              asked.kind === "agent" || asked.kind === "person"
                ? "Agents and people"
                : asked.kind === "prompt"
                  ? "Prompts and commands"
                  : "Context"
            }
            choices={choices}
            active={active}
            empty={
              asked.kind === "agent" || asked.kind === "person"
                ? `No ${!writes || asked.kind === "person" ? "person" : people.length > 0 ? "agent or person" : "agent"} of that name`
                : asked.kind === "prompt"
                  ? "No prompt file or command with that name"
                  : pending
                    ? "Looking…"
                    : "Nothing found"
            }
            onPick={pick}
            onHover={setActive}
          />
        )}
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={draft.text}
          placeholder={writes ? placeholder(session.replying, draft.agent ?? session.agent) : COMMENT}
          aria-label={writes ? "Message" : "Comment"}
          aria-autocomplete="list"
          {...(asked && { "aria-controls": "completions" })}
          {...(asked && choices.length > 0 && { "aria-activedescendant": `completions-${active}` })}
          onInput={(event) => {
            const text = event.currentTarget.value;
            setDraft((now) => ({ ...now, text }));
            look(event.currentTarget);
          }}
          onKeyDown={pressed}
          onPaste={(event) => {
            // Copied tables include an image in addition to their text: paste the text.
            if (event.clipboardData?.getData("text/plain") === "" && attach(event.clipboardData)) event.preventDefault();
          }}
          onClick={(event) => {
            look(event.currentTarget);
          }}
          onBlur={() => {
            setAsked(undefined);
            tell({ type: "draft", draft });
          }}
        />
      </div>
      {toPeople.length > 0 && (
        <span class="dim to-people" role="status">
          <Icon name="account" /> Notifies {namesText(toPeople.map(({ name }) => name))}. No agent answers.
        </span>
      )}
      <div class="composer-bar">
        {writes ? (
          <AgentPicker
            agents={agents}
            standard={session.agent}
            chosen={chosen === session.agent ? undefined : chosen}
            onChoose={(agent) => {
              // An agent that is chosen here replaces one that is named in the text.
              const text = parsed.agent === undefined ? draft.text : parsed.text;
              setDraft((now) => withAgent({ ...now, text }, agent));
              area.current?.focus();
            }}
          />
        ) : (
          <span class="dim comments">
            <Icon name="comment" /> Comments only
          </span>
        )}
        <IconButton name="add" label="Add Context… (#)" onPress={addContext} class="add-context" />
        <IconButton
          name="file-media"
          label="Attach Image…"
          onPress={() => {
            tell({ type: "chooseImage" });
          }}
        />
        <span class="spacer" />
        {/* Present before it has text: otherwise screen readers would not announce the text. */}
        <span class="dim waiting-count" role="status">
          {session.queued > 0 ? `${session.queued} waiting` : ""}
        </span>
        {writes && session.replying && <Act type="pause" icon="debug-pause" label={`Pause (${localKeys("Ctrl+K Ctrl+P")})`} />}
        {writes && session.replying && <Act type="cancel" icon="debug-stop" label="Cancel Reply (Escape)" />}
        <button
          type="button"
          class="send"
          disabled={!sendable}
          aria-label={writes ? "Send" : "Leave Comment"}
          title={
            !writes
              ? "Leave Comment (Enter)"
              : session.replying
                ? "Send after this reply (Enter), to this reply (Ctrl+Enter)"
                : "Send (Enter)"
          }
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

/** Whether the key belongs to an input method. Some report this only with the old key code. */
function composes(event: KeyboardEvent): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other indication
  return event.isComposing || event.keyCode === 229;
}

function modified(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
}

function Act({ type, icon, label }: { readonly type: "pause" | "cancel"; readonly icon: string; readonly label: string }) {
  const toComposer = useContext(ToComposer);
  return (
    <IconButton
      name={icon}
      label={label}
      onPress={() => {
        tell({ type });
        toComposer();
      }}
    />
  );
}

function withAgent(draft: Draft, agent: string | undefined): Draft {
  const { agent: _old, ...rest } = draft;
  return agent === undefined ? rest : { ...rest, agent };
}

const COMMENT = "Leave a comment. It wakes no agent. @ names a person, # adds context.";

function placeholder(replying: boolean, agent: string): string {
  return replying
    ? "Write the next message. It waits for this reply."
    : `Message ${agent}. @ names an agent, # adds context, / lists prompts and commands.`;
}
