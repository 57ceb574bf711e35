/** Participants in the text of a message: the people offered after `@`, and those whom a text notifies. Pure; the server decides. */
import { mentionText } from "../src/people";
import type { Agent, Participant } from "../src/panel/messages";
import type { Choice } from "./menuKeys";

const CODE = /```[\s\S]*?(?:```|$)|`[^`\n]{1,500}`/g;
const MENTION = /(?<![\p{L}\p{N}_@./-])@([\p{L}\p{N}_][\p{L}\p{N}_.'-]{0,60}(?: [\p{L}\p{N}_][\p{L}\p{N}_.'-]{0,60}){0,3})/gu;

/** The participants offered after `@`, marked as people to distinguish them from agents. `present` have the session open. */
export function personChoices(people: readonly Participant[], present: readonly Participant[], query: string): Choice[] {
  const wanted = query.toLowerCase();
  const here = new Set(present.map(({ id }) => id));
  return people
    .filter(({ id, name }) => name.toLowerCase().includes(wanted) || id.toLowerCase().startsWith(wanted))
    .map(({ id, name }) => ({
      key: `person ${id}`,
      label: name,
      detail: `Person${here.has(id) ? ", here now" : ""}. Is notified; no agent answers`,
      icon: "account",
    }));
}

/** The text that replaces `@…` for a choice from `personChoices`; undefined for other choices. */
export function personText(choice: Choice, people: readonly Participant[], agents: readonly Agent[]): string | undefined {
  const person = people.find(({ id }) => choice.key === `person ${id}`);
  if (person === undefined) return undefined;
  const names = agents.map(({ name }) => name);
  return `@${mentionText(person, people, names)} `;
}

/** The participants whom a text notifies: by name, id, or a first name that only one of them has, outside of code. */
export function notifiedPeople(text: string, people: readonly Participant[], agents: readonly Agent[]): readonly Participant[] {
  const taken = new Set(agents.map(({ name }) => name.toLowerCase()));
  const personCalled = (name: string): Participant | undefined => {
    if (taken.has(name)) return undefined;
    const full = people.filter((one) => one.name.toLowerCase() === name);
    const any = people.filter(({ id, name: own }) =>
      [own.toLowerCase(), own.toLowerCase().split(" ")[0], id.toLowerCase()].includes(name),
    );
    return full.length === 1 ? full[0] : any.length === 1 ? any[0] : undefined;
  };
  const found = new Set<Participant>();
  for (const match of text.replace(CODE, " ").matchAll(MENTION)) {
    const words = (match[1] ?? "").split(" ");
    for (let count = words.length; count > 0; count -= 1) {
      const person = personCalled(
        words
          .slice(0, count)
          .join(" ")
          .replace(/[.'-]+$/, "")
          .toLowerCase(),
      );
      if (person === undefined) continue;
      found.add(person);
      break;
    }
  }
  return [...found];
}
