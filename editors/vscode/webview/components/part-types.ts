/** The parts of a message, by their kinds. */
import type { Message } from "../../src/panel/messages";

export type Part = Message["parts"][number];
export type Of<K extends Part["kind"]> = Extract<Part, { kind: K }>;
