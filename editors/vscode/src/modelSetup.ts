/** Sets up a first model: asks for the keys of providers and stores them. */
import * as vscode from "vscode";
import { chooseSession, type CommandResult, type Target } from "./commands/choosing";
import { textOfSetting } from "./settings";
import { VARIABLES } from "./endpoints";
import { setUpEndpoint } from "./endpointSetup";
import type { ModelInfo } from "./protocol";
import type { Services } from "./services";

interface Provider {
  readonly label: string;
  /** The prefix of its models' names. */
  readonly name: string;
  readonly variable: string;
  /** The page where keys are created. */
  readonly keys: string;
}

const PROVIDERS: readonly Provider[] = [
  { label: "Anthropic", name: "anthropic", variable: "ANTHROPIC_API_KEY", keys: "https://console.anthropic.com/settings/keys" },
  { label: "OpenAI", name: "openai", variable: "OPENAI_API_KEY", keys: "https://platform.openai.com/api-keys" },
  { label: "Google Gemini", name: "gemini", variable: "GEMINI_API_KEY", keys: "https://aistudio.google.com/apikey" },
  { label: "Mistral", name: "mistral", variable: "MISTRAL_API_KEY", keys: "https://console.mistral.ai/api-keys" },
  { label: "DeepSeek", name: "deepseek", variable: "DEEPSEEK_API_KEY", keys: "https://platform.deepseek.com/api_keys" },
  { label: "Groq", name: "groq", variable: "GROQ_API_KEY", keys: "https://console.groq.com/keys" },
  { label: "OpenRouter", name: "openrouter", variable: "OPENROUTER_API_KEY", keys: "https://openrouter.ai/settings/keys" },
  { label: "xAI", name: "xai", variable: "XAI_API_KEY", keys: "https://console.x.ai" },
];

const LOCAL = new Map([
  ["ollama", "Ollama on this machine"],
  ["embedded", "The small model on this machine"],
]);

let choosing = false;

/** Whether this code is changing a setting; the server is then restarted without a question. */
export function isChoosingModel(): boolean {
  return choosing;
}

type Item = vscode.QuickPickItem & { readonly pick?: () => Promise<void> };

/** Lets the person choose an available model, or enter the key of a provider. */
export async function setUpModel(services: Services): Promise<void> {
  const { models, secrets } = services;
  const [names] = await Promise.all([secrets.names(), models.refresh()]);
  const groups = new Map<string, ModelInfo[]>();
  for (const model of models.available) groups.set(model.provider, [...(groups.get(model.provider) ?? []), model]);
  const able: Item[] = [...groups].map(([name, group]) => ({
    label: `$(${LOCAL.has(name) ? "vm" : "pass"}) ${labelOf(name)}`,
    description:
      group.find((model) => model.default)?.name ?? (group.length === 1 ? group[0]?.name : `${group.length} models`) ?? "",
    ...(group.some((model) => model.default) && { detail: "The default model now." }),
    pick: () => choose(services, group),
  }));
  const keys: Item[] = PROVIDERS.map((provider) => ({
    label: `$(key) ${provider.label}`,
    description: names.includes(provider.variable) ? "has a key: replace it" : "",
    pick: () => askForKey(services, provider),
  }));
  const ollama: Item = {
    label: "$(vm) Ollama on this machine",
    description: "not found",
    detail: "Needs no key. Start it and pull a model: it is then found automatically.",
    pick: () => lookForOllama(services),
  };
  const items: Item[] = [
    ...(able.length > 0 ? [separator("Can answer now"), ...able] : []),
    separator("With a key"),
    ...keys,
    separator("At your own address"),
    {
      label: "$(server) Own Endpoint…",
      description: "an address, and a key if it needs one",
      pick: () => setUpEndpoint(services, { setDefault, restart: () => restartWithModels(services) }),
    },
    ...(groups.has("ollama") ? [] : [separator("On this machine"), ollama]),
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: "Set Up a Model",
    placeHolder: "Who runs the model",
    matchOnDescription: true,
  });
  await picked?.pick?.();
}

/** Lets the person choose an available model, and makes it the default. */
async function choose(services: Services, group: readonly ModelInfo[]): Promise<void> {
  const items = group.map((model) => ({ label: model.name, description: model.default ? "the default" : "", model }));
  const picked =
    items.length === 1
      ? items[0]
      : await vscode.window.showQuickPick(items, { title: "Set Up a Model", placeHolder: "The default model" });
  if (picked === undefined) return;
  if (picked.model.default) showInformation(`${picked.model.name} is now the default model.`);
  else await useByDefault(services, picked.model.name);
}

/** Makes a model the default; none if it is undefined. Takes effect when the server is restarted. */
async function setDefault(model: string | undefined): Promise<void> {
  choosing = true;
  try {
    await vscode.workspace.getConfiguration("sessionls").update("model", model, vscode.ConfigurationTarget.Global);
  } finally {
    choosing = false;
  }
}

/** False if the person postpones the restart. */
async function restartWithModels(services: Services): Promise<boolean> {
  if (!(await restartServer(services))) return false;
  await services.models.refresh();
  return true;
}

async function useByDefault(services: Services, name: string): Promise<void> {
  const { models } = services;
  await setDefault(name);
  if (!(await restartWithModels(services))) return;
  if (models.default === name) showInformation(`${name} is now the default model.`);
  else void vscode.window.showWarningMessage(models.problem ?? `${name} cannot answer. See the server's output for details.`);
}

/** Asks for a new key for the provider of a session's model. */
export async function replaceKey(services: Services, target: Target): Promise<CommandResult> {
  const session = await chooseSession(services, target, "Replace the Key");
  if (session === undefined) return false;
  const agents = services.sessions.agents.find((agent) => agent.name === session.agent)?.model;
  const model = session.model ?? agents ?? services.models.default ?? textOfSetting("model");
  const [prefix] = (model ?? "").split("/");
  const provider = PROVIDERS.find(({ name }) => name === prefix);
  if (provider !== undefined) return askForKey(services, provider);
  const custom = Object.values(VARIABLES).find((one) => one.prefix === prefix);
  if (custom === undefined) return setUpModel(services);
  await askForKey(services, { label: "Own Endpoint", name: custom.prefix, variable: custom.key, keys: "your server" });
}

async function askForKey(services: Services, { label, name, variable, keys }: Provider): Promise<void> {
  const { secrets, models } = services;
  const key = await vscode.window.showInputBox({
    title: `${label}: Key`,
    placeHolder: "Paste the key here",
    prompt: `It is kept in VS Code's secret storage and passed only to the server, as ${variable}. Get a key at ${keys}.`,
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) => (/\s/.test(value.trim()) ? "A key contains no spaces or line breaks." : undefined),
  });
  if (key === undefined || key.trim() === "") return;
  await secrets.set(variable, key.trim());
  if (!(await restartServer(services))) return;
  await models.refresh();
  await reportAvailableModel(services, name, label);
}

async function lookForOllama(services: Services): Promise<void> {
  const { models } = services;
  await models.refresh();
  if (models.available.some((model) => model.provider === "ollama")) await reportAvailableModel(services, "ollama", "Ollama");
  else {
    const problem = models.all?.find((model) => model.provider === "ollama")?.problem;
    void vscode.window.showWarningMessage(problem ?? "Ollama does not answer on this machine. Start it: `ollama serve`.");
  }
}

async function reportAvailableModel(services: Services, provider: string, label: string): Promise<void> {
  const { models } = services;
  const providerModels = models.available.filter((model) => model.provider === provider);
  const first = providerModels.find((model) => model.default) ?? providerModels[0];
  if (first === undefined) {
    const problem = models.all?.find((model) => model.provider === provider)?.problem;
    void vscode.window.showWarningMessage(
      `No model of ${label} can answer yet. ${problem ?? "See the server's output for details."}`,
    );
  } else if (first.default) {
    const text = `${label} can answer now: sessions use ${first.name}.`;
    // If a session is open, the person continues there.
    if (services.panels.visible.length > 0) showInformation(text);
    else if ((await vscode.window.showInformationMessage(text, "New Session")) !== undefined)
      await vscode.commands.executeCommand("session.new");
  } else {
    const still = models.default === undefined ? (models.problem ?? "") : `Sessions still use ${models.default}.`;
    const use = `Use ${first.name}`;
    if ((await vscode.window.showInformationMessage(`${label} can answer now. ${still}`, use)) === use)
      await useByDefault(services, first.name);
  }
}

/** Restarts the server, which reads models and keys at its start. False if the person postpones it. */
async function restartServer({ server, sessions }: Services): Promise<boolean> {
  if (sessions.store.sessions.some((session) => session.replying)) {
    const text = "A reply is being written. Restarting the server interrupts it. Your change takes effect after the restart.";
    if ((await vscode.window.showWarningMessage(text, "Restart Now", "Later")) !== "Restart Now") return false;
  }
  await server.restart();
  return true;
}

export async function forgetKey(services: Services): Promise<void> {
  const { secrets } = services;
  const endpoints = Object.values(VARIABLES);
  const stored = await secrets.names();
  const items = stored
    // Also remove the address for the key.
    .filter((name) => !endpoints.some(({ base, key }) => base === name && stored.includes(key)))
    .map((name) => {
      const endpoint = endpoints.find(({ base, key }) => base === name || key === name);
      const label = endpoint === undefined ? (PROVIDERS.find((one) => one.variable === name)?.label ?? name) : "Own endpoint";
      return { label, description: name, names: endpoint === undefined ? [name] : [endpoint.base, endpoint.key] };
    });
  if (items.length === 0) {
    showInformation("No key is stored here.");
    return;
  }
  const picked = await vscode.window.showQuickPick(items, { title: "Forget a Key", placeHolder: "Provider" });
  if (picked === undefined) return;
  for (const name of picked.names) await secrets.forget(name);
  await restartServer(services);
}

function labelOf(provider: string): string {
  return LOCAL.get(provider) ?? PROVIDERS.find((one) => one.name === provider)?.label ?? provider;
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

function showInformation(text: string): void {
  void vscode.window.showInformationMessage(text);
}
