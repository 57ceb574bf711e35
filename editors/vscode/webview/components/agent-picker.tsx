/** The agent for only this message. After sending, it is the session's default again. */
import { useRef, useState } from "preact/hooks";
import type { Agent } from "../../src/panel/messages";
import { jumpKey, menuKey, TypedLetters, type Choice } from "../menuKeys";
import { Icon } from "./icon";
import { Menu } from "./menu";

interface AgentPickerProps {
  readonly agents: readonly Agent[];
  readonly standard: string;
  readonly chosen: string | undefined;
  readonly onChoose: (agent: string | undefined) => void;
}

export function agentChoices(agents: readonly Agent[], standard: string, current: string, query = ""): Choice[] {
  return agents
    .filter((agent) => agent.name.toLowerCase().includes(query.toLowerCase()))
    .map((agent) => ({
      key: agent.name,
      label: agent.name,
      detail: agent.available
        ? `${agent.name === standard ? "Default. " : ""}${agent.description}`
        : (agent.problem ?? "Not available"),
      icon: agent.available ? "sparkle" : "circle-slash",
      disabled: !agent.available,
      checked: agent.name === current,
    }));
}

export function AgentPicker({ agents, standard, chosen, onChoose }: AgentPickerProps) {
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const typed = useRef(new TypedLetters());
  const current = chosen ?? standard;
  const choices = agentChoices(agents, standard, current);

  const pick = (index: number) => {
    const choice = choices[index];
    if (!choice || choice.disabled) return;
    onChoose(choice.key === standard ? undefined : choice.key);
    setOpen(false);
  };
  const show = () => {
    setActive(
      Math.max(
        0,
        choices.findIndex((choice) => choice.checked),
      ),
    );
    setOpen(true);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        show();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const effect =
      jumpKey(event.key, active, choices, typed.current, event.timeStamp) ??
      menuKey(event.key === " " ? "Enter" : event.key, active, choices);
    if (effect === undefined || event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    if (effect === "close") setOpen(false);
    else if (effect === "pick") pick(active);
    else setActive(effect);
  };
  const label = chosen === undefined ? `Agent: ${standard}, the default` : `Agent for this message: ${chosen}`;
  return (
    <div class="picker">
      {open && (
        <Menu
          id="agent-menu"
          label="Agent for this message"
          choices={choices}
          active={active}
          empty="No agents"
          onPick={pick}
          onHover={setActive}
        />
      )}
      <button
        type="button"
        class={`picker-button ${chosen === undefined ? "" : "other"}`}
        // The role `button` does not allow an active option, unlike a combobox without a text field.
        role="combobox"
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-label={label}
        title={label}
        {...(open && { "aria-controls": "agent-menu" })}
        {...(open && choices.length > 0 && { "aria-activedescendant": `agent-menu-${active}` })}
        onClick={() => {
          if (open) setOpen(false);
          else show();
        }}
        onKeyDown={onKeyDown}
        onBlur={() => {
          setOpen(false);
        }}
      >
        <Icon name="sparkle" />
        <span class="picker-name">{current}</span>
        {chosen !== undefined && <span class="dim picker-once">this message</span>}
        <Icon name="chevron-down" />
      </button>
      {chosen !== undefined && (
        <button
          type="button"
          class="icon-button"
          title={`Back to ${standard}`}
          aria-label={`Back to ${standard}`}
          onClick={() => {
            onChoose(undefined);
          }}
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
