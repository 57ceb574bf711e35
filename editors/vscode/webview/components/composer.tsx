/** The composer for a message: its text, agent and context. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { withUnsent, mergeChips } from "../../src/panel/draft";
import type { Draft } from "../../src/panel/messages";
import { menuKey, type Choice } from "../menuKeys";
import { may, mentionable, roleOf } from "../../src/people";
import { removeRange, completionAt, type CompletionQuery } from "../completionQuery";
import { notifiedPeople, personChoices, personText } from "../mentions";
import { focusHere } from "../focusHere";
import { saveState, loadState, post } from "../host";
import { attach, canDrop } from "../images";
import { lastWritten } from "../findMessages";
import type { State } from "../state";
import { slashChoices, slashCommand } from "../slashCommands";
import { parseAgent } from "../../src/agentName";
import { namesText } from "../../src/sessionTree";
import { agentChoices } from "./agent-picker";
import { Chips } from "./chips";
import { useCompletions, type Complete } from "./completions";
import { ComposerBar } from "./composer-bar";
import { Icon } from "./icon";
import { Menu } from "./menu";
import { HeldBack } from "./notices";
import { ReadOnly } from "./people";
import { usePlaceholder } from "./placeholder";

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
  const [completing, setCompleting] = useState<CompletionQuery>();
  const [active, setActive] = useState(0);
  /** Enter was pressed, but the person has to choose first how to continue the session. */
  const [heldBack, setHeldBack] = useState(false);
  const { items, pending } = useCompletions(completing, complete);
  const agents = state.agents.agents;
  const ready = state.server === "ready";

  // VS Code discards a hidden page immediately, with everything that it has not sent.
  useEffect(() => {
    if (draft === state.draft) return;
    if (draft.text.length <= LONG) {
      post({ type: "draft", draft });
      return;
    }
    const timer = setTimeout(() => {
      post({ type: "draft", draft });
    }, DRAFT);
    return () => {
      clearTimeout(timer);
    };
  }, [draft]);

  useEffect(() => {
    const input = state.compose;
    if (!input) return;
    setDraft((now) => {
      if (input.givenBack) return withUnsent(now, input.draft);
      const chips = mergeChips(now.chips, input.draft.chips);
      const agent = input.draft.agent ?? now.agent;
      const text = input.draft.text === "" ? now.text : input.draft.text;
      return withAgent({ text, chips }, agent === session.agent ? undefined : agent);
    });
    focusHere(area.current);
  }, [state.compose?.number]);

  useLayoutEffect(() => {
    setActive(0);
  }, [items]);

  const role = roleOf(session, state.me);
  const canWrite = may(role, "writer");
  const placeholder = usePlaceholder(canWrite, session.replying, draft.agent ?? session.agent);
  const people = mentionable(session, state.me);
  const prompts = canWrite ? state.prompts : [];
  const choices: Choice[] =
    completing?.kind === "agent" || completing?.kind === "person"
      ? [
          ...(canWrite && completing.kind === "agent"
            ? agentChoices(agents, session.agent, draft.agent ?? session.agent, completing.query)
            : []),
          ...personChoices(people, view.participants, completing.query),
        ]
      : completing?.kind === "prompt"
        ? slashChoices(prompts, completing.query)
        : items.map((item) => ({ key: item.chip.key, label: item.label, detail: item.detail, icon: item.icon }));

  const updateCompletion = (box: HTMLTextAreaElement) => {
    const found = box.selectionStart === box.selectionEnd ? completionAt(box.value, box.selectionStart) : undefined;
    const now = found?.kind === "person" && people.length === 0 ? undefined : found;
    if ((now?.kind === "agent" || now?.kind === "person") && now.query !== completing?.query) setActive(0);
    // Files can change at any time.
    if (now?.kind === "prompt" && completing?.kind !== "prompt") post({ type: "listPrompts" });
    setCompleting(now);
  };
  const write = (text: string) => {
    setDraft((now) => ({ ...now, text }));
    requestAnimationFrame(() => {
      area.current?.setSelectionRange(text.length, text.length);
      area.current?.focus();
    });
  };
  const run = (command: NonNullable<ReturnType<typeof slashCommand>>) => {
    post({ type: "command", command });
    setDraft((now) => ({ ...now, text: "" }));
  };
  const pick = (index: number) => {
    const choice = choices[index];
    if (!completing || !choice || choice.disabled) return;
    if (completing.kind === "prompt") {
      setCompleting(undefined);
      const command = slashCommand(prompts, choice.label);
      if (command === undefined) write(`${choice.label} `);
      else run(command);
      return;
    }
    const person = personText(choice, people, agents);
    if (person !== undefined) {
      const { start, end } = completing;
      setDraft((now) => ({ ...now, text: `${now.text.slice(0, start)}${person}${now.text.slice(end).trimStart()}` }));
      setCompleting(undefined);
      requestAnimationFrame(() => {
        area.current?.setSelectionRange(start + person.length, start + person.length);
        area.current?.focus();
      });
      return;
    }
    const chip = items[index]?.chip;
    setDraft((now) => {
      const text = removeRange(now.text, completing.start, completing.end);
      if (completing.kind === "agent") return withAgent({ ...now, text }, choice.key === session.agent ? undefined : choice.key);
      return chip && !now.chips.some((old) => old.key === chip.key)
        ? { ...now, text, chips: [...now.chips, chip] }
        : { ...now, text };
    });
    setCompleting(undefined);
    const caret = completing.start;
    requestAnimationFrame(() => {
      area.current?.setSelectionRange(caret, caret);
      area.current?.focus();
    });
  };
  const parsed = parseAgent(
    draft.text,
    agents.map((agent) => agent.name),
  );
  const chosen = parsed.agent ?? draft.agent;
  const hasText = ready && !state.deleting && parsed.text !== "";
  const paused = session.state === "paused";
  const interrupted = session.state === "active" && session.stopped === "interrupted";
  const sendable = hasText && session.state === "active";
  // The session accepts messages again.
  const asksHow = canWrite && heldBack && hasText && (paused || interrupted);
  const outgoing = () => withAgent({ ...draft, text: parsed.text }, chosen);
  const send = (delivery: "queue" | "steer", how?: "resume" | "without") => {
    const command = slashCommand(prompts, parsed.text);
    if (command !== undefined) {
      run(command);
      return;
    }
    if (!canWrite) {
      if (!sendable) return;
      post({ type: "comment", draft: { text: draft.text.trim(), chips: draft.chips } });
      saveState({ sessionId: session.id, sent: draft.text.trim() });
      clear();
      return;
    }
    if (!sendable && !(hasText && paused && how === "resume")) return;
    if (interrupted && how === undefined) {
      setHeldBack(true);
      return;
    }
    post({ type: "send", delivery, draft: outgoing(), ...(how === "resume" && { resume: true }) });
    saveState({ sessionId: session.id, sent: parsed.text });
    clear();
  };
  const clear = () => {
    setHeldBack(false);
    setDraft(empty);
    setCompleting(undefined);
    onSent();
    // The pressed button is disabled now, and loses the focus.
    area.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (isInputMethodKey(event)) return;
    if (completing) {
      const effect = pending && (event.key === "Enter" || event.key === "Tab") ? "wait" : menuKey(event.key, active, choices);
      if (effect !== undefined) {
        event.preventDefault();
        if (effect === "close") setCompleting(undefined);
        else if (effect === "pick") pick(active);
        else if (effect !== "wait") setActive(effect);
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (asksHow) send("queue", "resume");
      else if (canWrite && paused && hasText) setHeldBack(true);
      else send((event.ctrlKey || event.metaKey) && session.replying ? "steer" : "queue");
    } else if (event.key === "Escape" && asksHow) {
      event.preventDefault();
      setHeldBack(false);
    } else if (event.key === "Escape" && !hasModifier(event) && canWrite && session.replying && ready) {
      event.preventDefault();
      // A key that is held down would also cancel the replies to the waiting messages.
      if (!event.repeat) post({ type: "cancel" });
    } else if (event.key === "ArrowUp" && !hasModifier(event) && draft.text === "") {
      const last = loadState();
      const text = lastWritten(view, last?.sessionId === session.id ? last.sent : undefined, state.me);
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
      updateCompletion(box);
    });
  };

  if (role === "reader") return <ReadOnly session={session} draft={draft} />;
  const toPeople = canWrite && chosen === undefined ? notifiedPeople(parsed.text, people, agents) : [];
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
      {asksHow && (
        <HeldBack
          paused={paused}
          onResume={() => {
            send("queue", "resume");
          }}
          onOther={() => {
            if (paused) {
              post({ type: "fork", draft: outgoing() });
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
        {completing && (
          <Menu
            id="completions"
            label={
              completing.kind === "agent" || completing.kind === "person"
                ? "Agents and people"
                : completing.kind === "prompt"
                  ? "Prompts and commands"
                  : "Context"
            }
            choices={choices}
            active={active}
            empty={
              completing.kind === "agent" || completing.kind === "person"
                ? `No ${!canWrite || completing.kind === "person" ? "person" : people.length > 0 ? "agent or person" : "agent"} of that name`
                : completing.kind === "prompt"
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
          placeholder={placeholder}
          aria-label={canWrite ? "Message" : "Comment"}
          aria-autocomplete="list"
          {...(completing && { "aria-controls": "completions" })}
          {...(completing && choices.length > 0 && { "aria-activedescendant": `completions-${active}` })}
          onInput={(event) => {
            const text = event.currentTarget.value;
            setDraft((now) => ({ ...now, text }));
            updateCompletion(event.currentTarget);
          }}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            // Copied tables include an image in addition to their text: paste the text.
            if (event.clipboardData?.getData("text/plain") === "" && attach(event.clipboardData)) event.preventDefault();
          }}
          onClick={(event) => {
            updateCompletion(event.currentTarget);
          }}
          onBlur={() => {
            setCompleting(undefined);
            post({ type: "draft", draft });
          }}
        />
      </div>
      {toPeople.length > 0 && (
        <span class="dim to-people" role="status">
          <Icon name="account" /> Notifies {namesText(toPeople.map(({ name }) => name))}. No agent answers.
        </span>
      )}
      <ComposerBar
        session={session}
        agents={agents}
        chosen={chosen}
        canWrite={canWrite}
        sendable={sendable}
        onChooseAgent={(agent) => {
          // An agent that is chosen here replaces one that is named in the text.
          const text = parsed.agent === undefined ? draft.text : parsed.text;
          setDraft((now) => withAgent({ ...now, text }, agent));
          area.current?.focus();
        }}
        onAddContext={addContext}
        onSend={() => {
          send("queue");
        }}
      />
    </div>
  );
}

/** Whether the key belongs to an input method. Some report this only with the old key code. */
function isInputMethodKey(event: KeyboardEvent): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other indication
  return event.isComposing || event.keyCode === 229;
}

function hasModifier(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
}

function withAgent(draft: Draft, agent: string | undefined): Draft {
  const { agent: _old, ...rest } = draft;
  return agent === undefined ? rest : { ...rest, agent };
}
