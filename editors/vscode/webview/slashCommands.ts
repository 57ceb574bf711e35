/** The completions of `/` at the beginning of a message: commands of the session, and prompt files. Pure. */
import type { COMMANDS, PromptFile } from "../src/panel/messages";
import type { Choice } from "./menuKeys";

type Command = (typeof COMMANDS)[number];

const SLASHES: readonly { readonly name: string; readonly command: Command; readonly detail: string }[] = [
  { name: "compact", command: "compact", detail: "Summarise the older part of the session for the model" },
  { name: "fork", command: "fork", detail: "Continue in a fork of this session" },
  { name: "rename", command: "rename", detail: "Change the title of the session" },
  { name: "export", command: "export", detail: "Open the session as a document" },
  { name: "share", command: "share", detail: "Show who has access to the session, and share it" },
  { name: "hand-over", command: "handOver", detail: "Hand the session to somebody, with a note" },
  { name: "agent", command: "switchAgent", detail: "Switch the agent of this session" },
  { name: "model", command: "switchModel", detail: "Switch the model of this session" },
  { name: "budget", command: "setBudget", detail: "Limit the cost of models in this session" },
];

/** Prompt files come first and replace commands with the same name. */
export function slashChoices(prompts: readonly PromptFile[], query: string): Choice[] {
  const has = (name: string): boolean => name.toLowerCase().includes(query.toLowerCase());
  return [
    ...prompts.filter(({ name }) => has(name)).map(promptChoice),
    ...SLASHES.filter(({ name }) => has(name) && !prompts.some((prompt) => prompt.name === name)).map(({ name, detail }) => ({
      key: name,
      label: `/${name}`,
      detail,
      icon: "terminal",
    })),
  ];
}

function promptChoice({ name, description, arguments: takes, problem }: PromptFile): Choice {
  return {
    key: name,
    label: `/${name}`,
    detail: problem ?? [takes === undefined ? "" : `${takes}:`, description].filter(Boolean).join(" "),
    icon: problem === undefined ? "note" : "circle-slash",
    disabled: problem !== undefined,
  };
}

/** The command if the whole message is one. */
export function slashCommand(prompts: readonly PromptFile[], text: string): Command | undefined {
  const name = /^\/([\w-]+)$/.exec(text.trim())?.[1];
  if (name === undefined || prompts.some((prompt) => prompt.name === name)) return undefined;
  return SLASHES.find((one) => one.name === name)?.command;
}
