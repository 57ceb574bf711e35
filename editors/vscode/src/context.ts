/** The context that the editor offers for a message. Nothing is sent unless a person selects it. */
import * as vscode from "vscode";
import type { Chip, Completion } from "./panel/messages";
import type { Context } from "./protocol";
import { namedAsImage } from "./panel/imageType";
import { wireRange } from "./ranges";

/** Documents of these schemes are also open on the server, including unsaved changes. */
const SCHEMES = new Set(["file", "untitled"]);
const LIMIT = 30;

/** A position in a document, of an editor that may now be hidden behind another tab. */
export interface EditorPosition {
  readonly document: vscode.TextDocument;
  readonly selection: vscode.Selection;
  readonly viewColumn: vscode.ViewColumn | undefined;
}

export class EditorContext {
  private position: EditorPosition | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];

  /** The result of `offers` may have changed. */
  readonly onDidChange = this.changed.event;

  constructor() {
    this.follow(vscode.window.activeTextEditor);
    this.subscriptions = [
      this.changed,
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        this.follow(editor);
      }),
      vscode.window.onDidChangeActiveNotebookEditor(() => {
        this.leave(vscode.window.activeTextEditor);
      }),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
        // While a panel has the focus, no editor is active, and an edit may move the selection.
        const active = vscode.window.activeTextEditor;
        if (textEditor === active || (active === undefined && textEditor.document === this.position?.document))
          this.follow(textEditor);
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0 && document === this.position?.document) this.forgetHidden(this.position);
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        if (document !== this.position?.document) return;
        this.position = undefined;
        this.scheduleChange();
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const one of this.subscriptions) one.dispose();
  }

  /** The last cursor position in a text editor: while a person writes in the panel, no editor has the focus. */
  get last(): EditorPosition | undefined {
    return this.position;
  }

  /** The context offered next to the composer: the selection, or else the file. */
  offers(): readonly Chip[] {
    const { position } = this;
    if (!position) return [];
    return [
      position.selection.isEmpty ? fileChip(position.document.uri) : selectionChip(position.document.uri, position.selection),
    ];
  }

  /** Matches for the text after `#`: kinds of context, files, and symbols of the file; the prefixes `file:` and `symbol:` narrow it down. */
  async complete(query: string, token: vscode.CancellationToken): Promise<readonly Completion[]> {
    const [, scope, rest = ""] = /^(file|symbol):(.*)$/.exec(query) ?? [];
    if (scope === "file") return uniqueFirst(await this.files(rest, token));
    const symbols = await this.symbols();
    if (scope === "symbol") return uniqueFirst(matching(symbols, rest));
    const kinds = [...this.kinds(), ...symbolAt(symbols, this.position?.selection.active)];
    return uniqueFirst([
      ...matching(kinds, query),
      ...(await this.files(query, token)),
      ...(query === "" ? [] : matching(symbols, query)),
    ]);
  }

  private kinds(): Completion[] {
    const { position } = this;
    const items: Completion[] = [];
    if (position) {
      const { uri } = position.document;
      if (!position.selection.isEmpty) items.push(completion("selection", selectionChip(uri, position.selection)));
      items.push(completion("file", fileChip(uri)));
      const diagnostics = vscode.languages.getDiagnostics(uri);
      if (diagnostics.length > 0) items.push(completion("diagnostics", diagnosticsChip(uri, diagnostics)));
    }
    items.push(completion("diff", chipOf({ kind: "diff" })));
    return items;
  }

  private async files(query: string, token: vscode.CancellationToken): Promise<Completion[]> {
    const open = vscode.workspace.textDocuments
      .filter((document) => SCHEMES.has(document.uri.scheme) && document.uri.path.toLowerCase().includes(query.toLowerCase()))
      .map((document) => document.uri);
    const found = query === "" ? [] : await vscode.workspace.findFiles(`**/*${anyCase(query)}*`, excluded(), LIMIT, token);
    return [...open, ...found].map((uri) => {
      const chip = namedAsImage(uri.path) ? chipOf({ kind: "image", uri: uri.toString() }) : fileChip(uri);
      return { label: chip.label, detail: vscode.workspace.asRelativePath(uri), icon: chip.icon, chip };
    });
  }

  /** The symbols of the document, outer ones before inner ones. */
  private async symbols(): Promise<SymbolCompletion[]> {
    const uri = this.position?.document.uri;
    if (!uri) return [];
    const tree = await vscode.commands.executeCommand<(vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined>(
      "vscode.executeDocumentSymbolProvider",
      uri,
    );
    return flat(tree ?? []).map(({ name, range }) => {
      const chip = chipOf({ kind: "symbol", uri: uri.toString(), name, range: wireRange(range) });
      return { label: name, detail: vscode.workspace.asRelativePath(uri), icon: chip.icon, chip, range };
    });
  }

  private follow(editor: vscode.TextEditor | undefined): void {
    if (!editor || !SCHEMES.has(editor.document.uri.scheme)) {
      this.leave(editor);
      return;
    }
    this.position = { document: editor.document, selection: editor.selection, viewColumn: editor.viewColumn };
    this.scheduleChange();
  }

  /** An editor whose content cannot be sent, such as a notebook, is active: do not offer a document behind it. */
  private leave(editor: vscode.TextEditor | undefined): void {
    const elsewhere = editor !== undefined || vscode.window.activeNotebookEditor !== undefined;
    if (!elsewhere || this.position === undefined) return;
    const { document } = this.position;
    if (vscode.window.visibleTextEditors.some((one) => one.document === document)) return;
    this.position = undefined;
    this.scheduleChange();
  }

  /** The selection of a hidden editor does not move with its text, so it is not known any more. */
  private forgetHidden({ document, selection, viewColumn }: EditorPosition): void {
    if (vscode.window.visibleTextEditors.some((editor) => editor.document === document)) return;
    this.position = { document, selection: new vscode.Selection(selection.start, selection.start), viewColumn };
    this.scheduleChange();
  }

  /** A selection that is being made changes many times a second. */
  private scheduleChange(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.changed.fire();
    }, 100);
  }
}

/** A piece of context as shown before it is sent. */
export function chipOf(context: Context): Chip {
  switch (context.kind) {
    case "selection": {
      const place = lines(context.range);
      const { start, end } = context.range;
      const key = `selection ${context.uri} ${start.line}:${start.character}-${end.line}:${end.character}`;
      const title = `The selection in ${relative(context.uri)}, ${place.includes("–") ? "lines" : "line"} ${place}`;
      return { key, icon: "list-selection", label: `${basename(context.uri)}:${place}`, title, context };
    }
    case "file":
      return { key: `file ${context.uri}`, icon: "file", label: basename(context.uri), title: relative(context.uri), context };
    case "diagnostics": {
      const number = context.diagnostics?.length ?? 0;
      const count = number === 0 ? "problems" : number === 1 ? "1 problem" : `${number} problems`;
      return {
        key: `diagnostics ${context.uri}`,
        icon: "warning",
        label: `${basename(context.uri)}: ${count}`,
        title: `The problems in ${relative(context.uri)}`,
        context,
      };
    }
    case "symbol":
      return {
        key: `symbol ${context.uri} ${context.name}`,
        icon: "symbol-method",
        label: context.name,
        title: `${context.name} in ${relative(context.uri)}`,
        context,
      };
    case "diff":
      return {
        key: `diff ${context.base ?? ""}`,
        icon: "git-compare",
        label: "Changes",
        title: `The changes of the working tree since ${context.base ?? "the last commit"}`,
        context,
      };
    case "session": {
      const label = context.title ?? "Session";
      return {
        key: `session ${context.sessionId} ${context.messageId ?? ""}`,
        icon: "comment-discussion",
        label,
        title: label,
        context,
      };
    }
    case "image": {
      const label = context.title ?? (context.uri === undefined ? "Image" : basename(context.uri));
      return { key: `image ${context.uri ?? context.sha256 ?? label}`, icon: "file-media", label, title: label, context };
    }
    case "text":
      return { key: `text ${context.title}`, icon: "note", label: context.title, title: context.text.slice(0, 500), context };
  }
}

function selectionChip(uri: vscode.Uri, range: vscode.Range): Chip {
  return chipOf({ kind: "selection", uri: uri.toString(), range: wireRange(range) });
}

function fileChip(uri: vscode.Uri): Chip {
  return chipOf({ kind: "file", uri: uri.toString() });
}

function diagnosticsChip(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): Chip {
  return chipOf({ kind: "diagnostics", uri: uri.toString(), diagnostics: diagnostics.map(wireDiagnostic) });
}

function relative(uri: string): string {
  return vscode.workspace.asRelativePath(vscode.Uri.parse(uri));
}

/** One-based lines. A range that ends at the start of a line does not include that line. */
function lines({ start, end }: { start: { line: number }; end: { line: number; character: number } }): string {
  const last = end.character === 0 && end.line > start.line ? end.line : end.line + 1;
  return start.line + 1 === last ? String(last) : `${start.line + 1}–${last}`;
}

function wireDiagnostic(diagnostic: vscode.Diagnostic): Record<string, unknown> {
  const code = typeof diagnostic.code === "object" ? diagnostic.code.value : diagnostic.code;
  return {
    range: wireRange(diagnostic.range),
    severity: diagnostic.severity + 1, // the protocol counts from 1
    message: diagnostic.message,
    ...(diagnostic.source !== undefined && { source: diagnostic.source }),
    ...(code !== undefined && { code }),
  };
}

function completion(label: string, chip: Chip): Completion {
  return { label, detail: chip.title, icon: chip.icon, chip };
}

function basename(uri: string): string {
  const { path } = vscode.Uri.parse(uri);
  return path.slice(path.lastIndexOf("/") + 1);
}

interface SymbolCompletion extends Completion {
  readonly range: vscode.Range;
}

/** The innermost symbol at the cursor, as the kind `symbol`. */
function symbolAt(symbols: readonly SymbolCompletion[], cursor: vscode.Position | undefined): Completion[] {
  const inner = cursor && symbols.findLast(({ range }) => range.contains(cursor));
  return inner ? [{ ...inner, label: "symbol", detail: inner.chip.title }] : [];
}

function matching<T extends Completion>(items: readonly T[], text: string): T[] {
  return items.filter(({ label }) => label.toLowerCase().includes(text.toLowerCase()));
}

/** As many as fit a list, each piece of context once, under its first name. */
function uniqueFirst(items: readonly Completion[]): Completion[] {
  const unique = new Map<string, Completion>();
  for (const { label, detail, icon, chip } of items)
    if (!unique.has(chip.key)) unique.set(chip.key, { label, detail, icon, chip });
  return [...unique.values()].slice(0, LIMIT);
}

/** Files that neither VS Code's search nor its explorer shows. (`findFiles` by itself excludes only what the explorer hides.) */
function excluded(): string | null {
  const patterns = ["files.exclude", "search.exclude"].flatMap((name) =>
    Object.entries(vscode.workspace.getConfiguration().get<Record<string, unknown>>(name) ?? {}).flatMap(([glob, on]) =>
      on === true ? [glob] : [],
    ),
  );
  return patterns.length === 0 ? null : `{${patterns.join(",")}}`;
}

/** A glob that matches the text literally, ignoring case. */
function anyCase(text: string): string {
  return text.replace(/[\][{}*?!\\]/g, "?").replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}

function flat(symbols: readonly (vscode.DocumentSymbol | vscode.SymbolInformation)[]): { name: string; range: vscode.Range }[] {
  return symbols.flatMap((symbol) =>
    "children" in symbol
      ? [{ name: symbol.name, range: symbol.range }, ...flat(symbol.children)]
      : [{ name: symbol.name, range: symbol.location.range }],
  );
}
