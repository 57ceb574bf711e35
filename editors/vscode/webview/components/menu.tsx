/** A menu above the element that opened it, for agents and completions. The focus does not move. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Choice } from "../menuKeys";
import { Icon } from "./icon";

/** In pixels: the height of three rows, the maximum height, and the space above the menu. */
const MIN_HEIGHT = 80;
const MAX_HEIGHT = 300;
const MARGIN = 4;

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
  // It opens upwards, and a low panel may have too little space.
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const fit = () => {
      element.style.translate = "";
      const room = element.getBoundingClientRect().bottom - MARGIN;
      element.style.maxHeight = `${Math.max(MIN_HEIGHT, Math.min(MAX_HEIGHT, room))}px`;
      // With hardly any space it covers its element rather than leave the page.
      if (room < MIN_HEIGHT) element.style.translate = `0 ${MIN_HEIGHT - room}px`;
    };
    fit();
    window.addEventListener("resize", fit);
    return () => {
      window.removeEventListener("resize", fit);
    };
  }, []);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active, choices]);
  return (
    <ul class="menu" role="listbox" id={id} aria-label={label} ref={list}>
      {choices.length === 0 && (
        // A list box may contain nothing but options.
        <li class="menu-empty dim" role="option" aria-selected={false} aria-disabled>
          {empty}
        </li>
      )}
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
