/** API keys of model providers, stored in VS Code's SecretStorage and passed to the server in its environment. Never in settings. */
import type * as vscode from "vscode";

const PREFIX = "sessionls.key.";

export class Secrets {
  constructor(private readonly storage: vscode.SecretStorage) {}

  /** The names of the environment variables with a stored key. */
  async names(): Promise<readonly string[]> {
    const keys = await this.storage.keys();
    return keys.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  }

  async environment(): Promise<Record<string, string>> {
    const names = await this.names();
    const found = await Promise.all(names.map(async (name) => [name, await this.storage.get(PREFIX + name)] as const));
    return Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  }

  set(name: string, value: string): Thenable<void> {
    return this.storage.store(PREFIX + name, value);
  }

  forget(name: string): Thenable<void> {
    return this.storage.delete(PREFIX + name);
  }
}
