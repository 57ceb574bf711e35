/** Sets up the person's own model server. Its settings are only kept if a model has answered, or on request. */
import * as vscode from "vscode";
import { BASE_HINT, baseOf, hostOf, listModels, VARIABLES, type Endpoint, type EndpointModels, type Shape } from "./endpoints";
import { problemOf } from "./problem";
import type { Services } from "./services";

const SHAPES: readonly (vscode.QuickPickItem & { readonly shape: Shape })[] = [
  {
    label: "OpenAI's interface",
    detail: "vLLM, llama.cpp, LM Studio, LiteLLM and most others: /chat/completions",
    shape: "openai",
  },
  { label: "Anthropic's interface", detail: "Gateways and proxies of Anthropic's Messages: /v1/messages", shape: "anthropic" },
];
const TITLE = "Own Endpoint";
const BY_NAME = "$(edit) Another Model, by Name…";

/** Functions of the rest of the setup. */
export interface Setup {
  /** Makes a model the default; none if it is undefined. */
  setDefault(model: string | undefined): Promise<void>;
  /** Restarts the server, which reads the settings at its start. False if the person postpones it. */
  restart(): Promise<boolean>;
}

export async function setUpEndpoint(services: Services, setup: Setup, before?: Endpoint): Promise<void> {
  const endpoint = await askForEndpoint(before);
  if (endpoint === undefined) return;
  const listed = await list(endpoint);
  if (listed === "again") return setUpEndpoint(services, setup, endpoint);
  const name = listed && (await askForModel(listed));
  if (listed === undefined || name === undefined) return;
  await tryOut(services, setup, listed.endpoint, name);
}

async function askForEndpoint(before: Endpoint | undefined): Promise<Endpoint | undefined> {
  const items = before === undefined ? SHAPES : SHAPES.toSorted((candidate) => (candidate.shape === before.shape ? -1 : 1));
  const shape = await vscode.window.showQuickPick(items, { title: TITLE, placeHolder: "The server's interface" });
  if (shape === undefined) return undefined;
  const address = await vscode.window.showInputBox({
    title: `${TITLE}: Address`,
    value: before?.base ?? "",
    placeHolder: shape.shape === "openai" ? "http://localhost:8000/v1" : "https://gateway.example.org",
    prompt: "The base address of the server.",
    ignoreFocusOut: true,
    validateInput: (value) => (value === "" || baseOf(value) !== undefined ? undefined : BASE_HINT),
  });
  const base = baseOf(address ?? "");
  if (base === undefined) return undefined;
  const key = await vscode.window.showInputBox({
    title: `${TITLE}: Key`,
    placeHolder: "Paste the key here; leave it empty if the server needs none",
    prompt: `It is kept in VS Code's secret storage and passed only to the sessionls server, as ${VARIABLES[shape.shape].key}.`,
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) => (/\s/.test(value.trim()) ? "A key contains no spaces or line breaks." : undefined),
  });
  return key === undefined ? undefined : { shape: shape.shape, base, key: key.trim() };
}

async function list(endpoint: Endpoint): Promise<EndpointModels | "again" | undefined> {
  try {
    const title = `Asking ${hostOf(endpoint.base)} for its models…`;
    return await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
      listModels(endpoint, fetch),
    );
  } catch (error) {
    const choice = await vscode.window.showErrorMessage(problemOf(error).text, "Change…");
    return choice === "Change…" ? "again" : undefined;
  }
}

async function askForModel({ endpoint, models }: EndpointModels): Promise<string | undefined> {
  if (models.length > 0) {
    const picked = await vscode.window.showQuickPick([...models, BY_NAME], {
      title: `Models of ${hostOf(endpoint.base)}`,
      placeHolder: "The default model",
    });
    if (picked !== BY_NAME) return picked;
  }
  const name = await vscode.window.showInputBox({
    title: `${TITLE}: Model`,
    prompt:
      models.length > 0 ? "The model's name, as the server knows it." : "The server lists no models. Enter the model's name.",
    ignoreFocusOut: true,
    validateInput: (value) => (value === "" || /^\S{1,150}$/.test(value.trim()) ? undefined : "A name contains no spaces."),
  });
  return name === undefined || name.trim() === "" ? undefined : name.trim();
}

/** Asks the model a question, like a session would. Unless it answers, the old settings are restored; the person can still keep the new ones. */
async function tryOut(services: Services, setup: Setup, endpoint: Endpoint, name: string): Promise<void> {
  const { secrets } = services;
  const { base, key, prefix } = VARIABLES[endpoint.shape];
  const model = `${prefix}/${name}`;
  const oldSettings = await secrets.environment();
  const settings = vscode.workspace.getConfiguration("sessionls");
  const oldModel = settings.inspect<string>("model")?.globalValue;
  const store = async (values: Readonly<Record<string, string | undefined>>): Promise<void> => {
    for (const variable of [base, key]) {
      const value = values[variable];
      await (value === undefined || value === "" ? secrets.forget(variable) : secrets.set(variable, value));
    }
  };
  const use = async (): Promise<void> => {
    await store({ [base]: endpoint.base, [key]: endpoint.key });
    await setup.setDefault(model);
  };
  const restore = async (): Promise<void> => {
    await store(oldSettings);
    await setup.setDefault(oldModel);
  };
  let restarted = false;
  let failed: string | undefined;
  try {
    await use();
    restarted = await setup.restart();
    if (restarted) failed = await answerOf(services, model);
  } catch (error) {
    failed = problemOf(error).text;
  }
  if (!restarted && failed === undefined) {
    await restore();
    const text = "The endpoint was not set up, because a model is only tried after a restart of the server.";
    void vscode.window.showWarningMessage(text);
    return;
  }
  if (failed === undefined) {
    void vscode.window.showInformationMessage(`${name} at ${hostOf(endpoint.base)} answers. It is now the default model.`);
    return;
  }
  // At once, because nobody may ever answer the message.
  await restore();
  await setup.restart();
  const text = `${name} at ${hostOf(endpoint.base)} did not answer. ${failed} Your earlier settings are used.`;
  const choice = await vscode.window.showErrorMessage(text, "Change…", "Use It Anyway", "Show Output");
  if (choice === "Use It Anyway") {
    await use();
    await setup.restart();
  }
  if (choice === "Change…") await setUpEndpoint(services, setup, endpoint);
  if (choice === "Show Output") await vscode.commands.executeCommand("session.showOutput");
}

/** Why the model does not answer; undefined if it does. */
async function answerOf({ api }: Services, model: string): Promise<string | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title: `Asking ${model}…`, cancellable: true };
  return vscode.window.withProgress(options, async (_, token) => {
    try {
      const messages = [{ role: "participant", text: "Answer with the one word: works" }] as const;
      await api.modelReply({ model, messages: [...messages] }, () => undefined, token);
      return undefined;
    } catch (error) {
      return problemOf(error).text;
    }
  });
}
