/** No model yet: the keys of providers, asked for and kept where they belong. */
import * as vscode from "vscode";
import type { Services } from "./services";

const PROVIDERS: readonly { readonly label: string; readonly variable: string; readonly keys: string }[] = [
  { label: "Anthropic", variable: "ANTHROPIC_API_KEY", keys: "https://console.anthropic.com/settings/keys" },
  { label: "OpenAI", variable: "OPENAI_API_KEY", keys: "https://platform.openai.com/api-keys" },
  { label: "Google Gemini", variable: "GEMINI_API_KEY", keys: "https://aistudio.google.com/apikey" },
  { label: "Mistral", variable: "MISTRAL_API_KEY", keys: "https://console.mistral.ai/api-keys" },
  { label: "DeepSeek", variable: "DEEPSEEK_API_KEY", keys: "https://platform.deepseek.com/api_keys" },
  { label: "Groq", variable: "GROQ_API_KEY", keys: "https://console.groq.com/keys" },
  { label: "OpenRouter", variable: "OPENROUTER_API_KEY", keys: "https://openrouter.ai/settings/keys" },
  { label: "xAI", variable: "XAI_API_KEY", keys: "https://console.x.ai" },
];

/** Keeps `sessionls.noModel` true while no model can answer: the view then says so, and offers to set one up. */
export function watchModels({ api }: Pick<Services, "api">): { dispose(): void } {
  const look = async (): Promise<void> => {
    const { models } = await api.request("model/list", {});
    await vscode.commands.executeCommand("setContext", "sessionls.noModel", !models.some((model) => model.available));
  };
  return api.onConnected(() => {
    look().catch(() => undefined); // what is wrong with the server shows elsewhere
  });
}

/** Leads to a model: a key for a provider, or an Ollama on this machine. */
export async function setUpModel(services: Services): Promise<void> {
  const { server, secrets } = services;
  const ollama = {
    label: "$(vm) Ollama on this machine",
    description: "no key",
    detail: "Found by itself while it runs.",
    provider: undefined,
  };
  const providers = PROVIDERS.map((provider) => ({
    label: `$(key) ${provider.label}`,
    description: secrets.names.includes(provider.variable) ? "a key is kept" : "",
    provider,
  }));
  const picked = await vscode.window.showQuickPick([...providers, ollama], {
    title: "Set Up a Model",
    placeHolder: "Who runs the model",
  });
  if (picked === undefined) return;
  if (picked.provider === undefined) {
    await server.restart();
    await tellWhatAnswers(
      services,
      "ollama",
      "Ollama does not answer on this machine. Start it (`ollama serve`), pull a model, and try again.",
    );
    return;
  }
  const { label, variable } = picked.provider;
  const key = await vscode.window.showInputBox({
    title: `${label}: Key`,
    prompt: `The key stays in VS Code's secret storage and is given to the server alone, as ${variable}. Keys are made at ${picked.provider.keys}.`,
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined || key.trim() === "") return;
  await secrets.set(variable, key.trim());
  await server.restart();
  await tellWhatAnswers(services, undefined, `No model of ${label} can answer yet. The server's output says more.`);
}

export async function forgetKey({ secrets, server }: Services): Promise<void> {
  const items = secrets.names.map((name) => ({
    label: PROVIDERS.find((one) => one.variable === name)?.label ?? name,
    description: name,
    name,
  }));
  if (items.length === 0) {
    void vscode.window.showInformationMessage("No key is kept here.");
    return;
  }
  const picked = await vscode.window.showQuickPick(items, { title: "Forget a Key", placeHolder: "Provider" });
  if (picked === undefined) return;
  await secrets.forget(picked.name);
  await server.restart();
}

async function tellWhatAnswers({ api }: Services, provider: string | undefined, none: string): Promise<void> {
  const { models } = await api.request("model/list", {});
  const able = models.filter((model) => model.available && (provider === undefined || model.provider === provider));
  const first = able.find((model) => model.default) ?? able[0];
  if (first === undefined) void vscode.window.showWarningMessage(none);
  else
    void vscode.window.showInformationMessage(
      `Models can answer now. New sessions use ${models.find((model) => model.default)?.name ?? first.name}.`,
    );
}
