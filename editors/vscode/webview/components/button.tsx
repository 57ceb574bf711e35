/** Buttons and badges in VS Code's style: custom elements of @vscode-elements/elements. */
import "@vscode-elements/elements/dist/vscode-badge/index.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { ComponentChildren, HTMLAttributes, JSX } from "preact";
import { onSingleClick } from "../clicks";

declare module "preact" {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Preact requires this to declare custom elements
  namespace JSX {
    interface IntrinsicElements {
      "vscode-badge": HTMLAttributes;
      "vscode-button": HTMLAttributes & { readonly secondary?: boolean };
    }
  }
}

interface ButtonProps {
  readonly label: string;
  readonly onPress: () => void;
  readonly secondary?: boolean;
  readonly title?: string | undefined;
  /** The text for a screen reader if the label alone is not clear. */
  readonly spoken?: string;
}

export function Button({ label, onPress, secondary = false, title, spoken }: ButtonProps): JSX.Element {
  const more = { ...(title !== undefined && { title }), ...(spoken !== undefined && { "aria-label": spoken }) };
  return (
    <vscode-button secondary={secondary} onClick={onSingleClick(onPress)} {...more}>
      {label}
    </vscode-button>
  );
}

interface BadgeProps {
  readonly title?: string | undefined;
  readonly children: ComponentChildren;
}

export function Badge({ title, children }: BadgeProps): JSX.Element {
  return <vscode-badge {...(title !== undefined && { title })}>{children}</vscode-badge>;
}
