/** Exports the generated types of the protocol. All other code imports them from here. */
export type * from "./generated/protocol";
