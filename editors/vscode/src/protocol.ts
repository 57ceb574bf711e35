/** The types of the wire, as the generated file has them. Everything else imports them from here. */
export type * from "./generated/protocol";
