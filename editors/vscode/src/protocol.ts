/** The types of the wire, and what follows from them alone. Everything else imports them from here. */
export type * from './generated/protocol';
