import { onSingleClick } from "../clicks";

export function Icon({ name, spin }: { readonly name: string; readonly spin?: boolean }) {
  return <span class={`codicon codicon-${name}${spin ? " codicon-modifier-spin" : ""}`} aria-hidden="true" />;
}

interface IconButtonProps {
  readonly name: string;
  readonly label: string;
  readonly onPress: () => void;
  readonly class?: string;
  /** -1 in a toolbar, for all but the first. */
  readonly tabIndex?: number;
}

export function IconButton({ name, label, onPress, class: extra, tabIndex = 0 }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${extra ?? ""}`}
      title={label}
      aria-label={label}
      tabIndex={tabIndex}
      onClick={onSingleClick(onPress)}
    >
      <Icon name={name} />
    </button>
  );
}
