import { makeVisible } from "../visible";
import { Icon } from "./icon";
import type { Of } from "./part-types";

const states = {
  pending: { icon: "circle-large-outline", text: "to do" },
  inProgress: { icon: "arrow-right", text: "now" },
  completed: { icon: "pass", text: "done" },
} as const;

/** An external agent's plan as a checklist. */
export function Plan({ part }: { readonly part: Of<"plan"> }) {
  return (
    <ul class="card plan" aria-label="Plan">
      {part.entries.map((entry, index) => (
        <li key={index} class={entry.status}>
          <Icon name={states[entry.status].icon} />
          <span class="plan-entry">{makeVisible(entry.content)}</span>
          <span class="dim">{states[entry.status].text}</span>
        </li>
      ))}
    </ul>
  );
}
