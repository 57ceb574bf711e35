/** The context of the message. Each piece can be removed. Offered context is only sent if it was added. */
import type { Chip } from "../../src/panel/messages";
import { Icon } from "./icon";
import { Thumbnail } from "./image";

interface ChipsProps {
  readonly chips: readonly Chip[];
  readonly offers: readonly Chip[];
  readonly onAdd: (chip: Chip) => void;
  readonly onRemove: (chip: Chip) => void;
}

export function Chips({ chips, offers, onAdd, onRemove }: ChipsProps) {
  const offered = offers.filter((offer) => !chips.some((chip) => chip.key === offer.key));
  if (chips.length + offered.length === 0) return null;
  return (
    <ul class="chips" aria-label="Context">
      {chips.map((chip) => (
        <li key={chip.key} class="chip taken" title={chip.title}>
          {chip.context.kind === "image" && <Thumbnail context={chip.context} label="" />}
          {chip.context.kind !== "image" && <Icon name={chip.icon} />}
          <span class="chip-label">{chip.label}</span>
          <button
            type="button"
            class="chip-button"
            aria-label={`Remove ${chip.label}`}
            title="Remove"
            onClick={() => {
              onRemove(chip);
            }}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      {offered.map((chip) => (
        <li key={`offer ${chip.key}`}>
          <button
            type="button"
            class="chip offered"
            title={`Add ${chip.title}`}
            aria-label={`Add ${chip.label}`}
            onClick={() => {
              onAdd(chip);
            }}
          >
            <Icon name="add" />
            <span class="chip-label">{chip.label}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
