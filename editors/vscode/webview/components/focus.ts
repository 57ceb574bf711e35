import { createContext } from "preact";

/** Puts the focus into the composer: what had it goes away, and the focus would be nowhere. */
export const ToComposer = createContext<() => void>(() => undefined);
