export function Icon({ name, spin }: { readonly name: string; readonly spin?: boolean }) {
  return <span class={`codicon codicon-${name}${spin ? " codicon-modifier-spin" : ""}`} aria-hidden="true" />;
}

interface IconButtonProps {
  readonly name: string;
  readonly label: string;
  readonly onPress: () => void;
  readonly class?: string;
}

export function IconButton({ name, label, onPress, class: extra }: IconButtonProps) {
  return (
    <button type="button" class={`icon-button ${extra ?? ""}`} title={label} aria-label={label} onClick={onPress}>
      <Icon name={name} />
    </button>
  );
}
