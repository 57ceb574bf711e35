/** A small replacement of VS Code's module, as far as the tested code uses it. Tests replace its functions with `vi.spyOn`. */
import { Emitter } from "../../src/emitter";

export class EventEmitter<T> {
  private readonly emitter = new Emitter<T>();
  readonly event = this.emitter.event;

  fire(value: T): void {
    this.emitter.fire(value);
  }

  dispose(): void {
    // Nothing to release.
  }
}

export class Disposable {
  static from(...all: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const one of all) one.dispose();
    });
  }

  constructor(private readonly callback: () => unknown) {}

  dispose(): void {
    this.callback();
  }
}

export class ThemeIcon {
  constructor(
    readonly id: string,
    readonly color?: ThemeColor,
  ) {}
}

export class ThemeColor {
  constructor(readonly id: string) {}
}

export class TreeItem {
  constructor(
    readonly label: string,
    readonly collapsibleState?: number,
  ) {}
}

export class MarkdownString {
  value = "";

  appendMarkdown(text: string): this {
    this.value += text;
    return this;
  }

  appendText(text: string): this {
    return this.appendMarkdown(text);
  }
}

export const Uri = {
  from: (parts: { scheme: string; path: string; query?: string }) => ({ ...parts, toString: () => JSON.stringify(parts) }),
  parse: (text: string) => ({ scheme: text.split(":")[0] ?? "", path: text, toString: () => text }),
  joinPath: (base: { path: string }, ...more: string[]) => Uri.parse([base.path, ...more].join("/")),
};

export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };
export const StatusBarAlignment = { Left: 1, Right: 2 };
export const ProgressLocation = { Notification: 15 };
export const QuickPickItemKind = { Separator: -1, Default: 0 };
export const ConfigurationTarget = { Global: 1 };

const nothing = { dispose: () => undefined };

interface Token {
  readonly isCancellationRequested: boolean;
  onCancellationRequested(listener: () => void): { dispose(): unknown };
}

const neverCancelled: Token = { isCancellationRequested: false, onCancellationRequested: () => nothing };

/** A person who closes every notification and every picker. */
export const window = {
  showInformationMessage: (..._args: unknown[]): Promise<string | undefined> => Promise.resolve(undefined),
  showWarningMessage: (..._args: unknown[]): Promise<string | undefined> => Promise.resolve(undefined),
  showErrorMessage: (..._args: unknown[]): Promise<string | undefined> => Promise.resolve(undefined),
  showQuickPick: (..._args: unknown[]): Promise<unknown> => Promise.resolve(undefined),
  showInputBox: (..._args: unknown[]): Promise<string | undefined> => Promise.resolve(undefined),
  showOpenDialog: (..._args: unknown[]): Promise<unknown[] | undefined> => Promise.resolve(undefined),
  setStatusBarMessage: (..._args: unknown[]) => nothing,
  createStatusBarItem: () => ({ show: () => undefined, hide: () => undefined, dispose: () => undefined }),
  createTreeView: () => ({ visible: true, selection: [], dispose: () => undefined }),
  registerFileDecorationProvider: () => nothing,
  withProgress: (_options: unknown, task: (progress: { report(): void }, token: Token) => unknown): unknown =>
    task({ report: () => undefined }, neverCancelled),
};

export const commands = {
  registerCommand: (..._args: unknown[]) => nothing,
  executeCommand: (..._args: unknown[]): Promise<unknown> => Promise.resolve(undefined),
};

export const workspace = {
  workspaceFolders: undefined,
  getConfiguration: () => ({ get: (_name: string, otherwise: unknown) => otherwise }),
  onDidChangeConfiguration: () => nothing,
  fs: { readDirectory: (): Promise<[string, number][]> => Promise.resolve([]) },
};
