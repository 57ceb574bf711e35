/** An agent named at the start of a message. Pure. */

/** Takes an agent named at the start (`@review is this right?`) out of the text, where there is an agent of that name. */
export function named(text: string, agents: readonly string[]): { readonly text: string; readonly agent?: string } {
  const found = /^\s*@([\w-]+)(?:\s+|$)/.exec(text);
  const name = found?.[1];
  if (found === null || name === undefined || !agents.includes(name)) return { text: text.trim() };
  return { text: text.slice(found[0].length).trim(), agent: name };
}
