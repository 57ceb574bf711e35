/** An agent named at the start of a message. Pure. */

/** Removes an agent named at the start (`@review is this right?`) from the text, if there is an agent with that name. */
export function parseAgent(text: string, agents: readonly string[]): { readonly text: string; readonly agent?: string } {
  const found = /^\s*@([\w-]+)(?:\s+|$)/.exec(text);
  const name = found?.[1];
  if (found === null || name === undefined || !agents.includes(name)) return { text: text.trim() };
  return { text: text.slice(found[0].length).trim(), agent: name };
}
