/** Keys of model providers, kept in VS Code's SecretStorage and handed to the server through its environment. Never in settings. */
import type * as vscode from "vscode";

const PREFIX = "sessionls.key.";
const NAMES = "sessionls.keyNames"; // SecretStorage lists only the names of this extension's own secrets, and not on every version

export class Secrets {
  constructor(
    private readonly storage: vscode.SecretStorage,
    private readonly memory: vscode.Memento,
  ) {}

  /** The names of the environment variables that have a key. */
  get names(): readonly string[] {
    return this.memory.get<readonly string[]>(NAMES) ?? [];
  }

  async environment(): Promise<Record<string, string>> {
    const found = await Promise.all(this.names.map(async (name) => [name, await this.storage.get(PREFIX + name)] as const));
    return Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  }

  async set(name: string, value: string): Promise<void> {
    await this.storage.store(PREFIX + name, value);
    await this.memory.update(NAMES, [...new Set([...this.names, name])]);
  }

  async forget(name: string): Promise<void> {
    await this.storage.delete(PREFIX + name);
    await this.memory.update(
      NAMES,
      this.names.filter((one) => one !== name),
    );
  }
}
