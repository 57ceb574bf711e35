/** A list to choose from, above what opened it: agents and completions. The focus stays where it was. */
import { useEffect, useRef } from "preact/hooks";
import type { Choice } from "../choosing";
import { Icon } from "./icon";

interface MenuProps {
  readonly id: string;
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly active: number;
  readonly empty: string;
  readonly onPick: (index: number) => void;
  readonly onHover: (index: number) => void;
}

export function Menu({ id, label, choices, active, empty, onPick, onHover }: MenuProps) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active, choices]);
  return (
    <ul class="menu" role="listbox" id={id} aria-label={label} ref={list}>
      {choices.length === 0 && <li class="menu-empty dim">{empty}</li>}
      {choices.map((choice, index) => (
        <li
          key={choice.key}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === active}
          aria-disabled={choice.disabled === true}
          class={`menu-item ${index === active ? "active" : ""} ${choice.disabled === true ? "disabled" : ""}`}
          // The mouse must not take the focus from the text.
          onMouseDown={(event) => {
            event.preventDefault();
          }}
          onMouseMove={() => {
            onHover(index);
          }}
          onClick={() => {
            if (choice.disabled !== true) onPick(index);
          }}
        >
          <Icon name={choice.icon} />
          <span class="menu-label">{choice.label}</span>
          <span class="menu-detail dim" title={choice.detail}>
            {choice.detail}
          </span>
          {choice.checked === true && <Icon name="check" />}
        </li>
      ))}
    </ul>
  );
}
