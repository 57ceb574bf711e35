/** Converts the attachments of a message in VS Code's chat to context. */
import type { Context, Range } from "../protocol";
import { wireRange } from "../ranges";

/** The used fields of `vscode.ChatPromptReference`. */
export interface Reference {
  readonly id: string;
  readonly modelDescription?: string;
  readonly value: unknown;
}

/** Questions to the editor about a document. */
export interface Documents {
  /** `server`: the server can read it. `editor`: only the editor can. `none`: it is not a document. */
  readerOf(uri: UriLike): Promise<"server" | "editor" | "none">;
  /** Its text, or that of a range. Throws if it is not text. */
  read(uri: UriLike, range?: Range): Promise<string>;
  /** Its name for people. */
  name(uri: UriLike): string;
}

export interface UriLike {
  readonly scheme: string;
  readonly path: string;
  toString(): string;
}

export interface References {
  readonly context: readonly Context[];
  /** The names of attachments that could not be sent. */
  readonly unsupported: readonly string[];
}

/** VS Code attaches the visible part of the open file if nothing is selected. */
const VIEWPORT = "vscode.implicit.viewport";

/** Each reference once, without kinds that are not supported as context. */
export async function contextOf(references: readonly Reference[], documents: Documents): Promise<References> {
  const context = new Map<string, Context>();
  const unsupported: string[] = [];
  // VS Code lists them in reverse order.
  for (const reference of [...references].reverse()) {
    const result = await contextFor(reference, documents);
    if (typeof result === "string") unsupported.push(result);
    else context.set(JSON.stringify(result), result);
  }
  return { context: [...context.values()], unsupported };
}

async function contextFor({ id, modelDescription, value }: Reference, documents: Documents): Promise<Context | string> {
  if (typeof value === "string") return { kind: "text", title: modelDescription ?? id, text: value };
  if (isLocation(value)) {
    const { uri, range } = value;
    // Send the file instead of its visible part, which the person did not select.
    return id === VIEWPORT || isEmpty(range) ? fileContext(uri, documents) : selectionContext(uri, wireRange(range), documents);
  }
  return isUri(value) ? fileContext(value, documents) : (modelDescription ?? id);
}

async function fileContext(uri: UriLike, documents: Documents): Promise<Context | string> {
  const reader = await documents.readerOf(uri);
  if (reader === "server") return { kind: "file", uri: uri.toString() };
  return reader === "none" ? documents.name(uri) : textContext(uri, undefined, documents);
}

async function selectionContext(uri: UriLike, range: Range, documents: Documents): Promise<Context | string> {
  const reader = await documents.readerOf(uri);
  if (reader === "server") return { kind: "selection", uri: uri.toString(), range };
  return reader === "none" ? documents.name(uri) : textContext(uri, range, documents);
}

async function textContext(uri: UriLike, range: Range | undefined, documents: Documents): Promise<Context | string> {
  const name = documents.name(uri);
  try {
    const title = range === undefined ? name : `${name}, from line ${range.start.line + 1}`;
    return { kind: "text", title, text: await documents.read(uri, range) };
  } catch {
    return name;
  }
}

function isLocation(value: unknown): value is { uri: UriLike; range: Range } {
  return typeof value === "object" && value !== null && "range" in value && "uri" in value && isUri(value.uri);
}

function isUri(value: unknown): value is UriLike {
  return typeof value === "object" && value !== null && "scheme" in value && "path" in value;
}

function isEmpty({ start, end }: Range): boolean {
  return start.line === end.line && start.character === end.character;
}
