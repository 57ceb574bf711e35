import { createContext } from "preact";

/** Focuses the composer, because the focused element disappears and the focus would be lost. */
export const FocusComposer = createContext<() => void>(() => undefined);
