/** VS Code's own buttons and badges, as the custom elements of @vscode-elements/elements. */
import "@vscode-elements/elements/dist/vscode-badge/index.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { ComponentChildren, HTMLAttributes, JSX } from "preact";

declare module "preact" {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Preact is told of custom elements
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
}

export function Button({ label, onPress, secondary = false, title }: ButtonProps): JSX.Element {
  return (
    <vscode-button secondary={secondary} onClick={onPress} {...(title === undefined ? {} : { title })}>
      {label}
    </vscode-button>
  );
}

export function Badge({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <vscode-badge>{children}</vscode-badge>;
}
