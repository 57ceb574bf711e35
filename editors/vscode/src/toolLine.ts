/** Describes a tool call in one line: "Ran `pytest -q`: exit 1", "Edited orders.py +2 −1". Pure. */
import { reasonOf } from "./format";
import type { Part } from "./protocol";

type ToolPart = Extract<Part, { kind: "tool" }>;

/** `code` is shown as code; `detail` is the result of the call. Either may be empty. */
export interface ToolLine {
  readonly verb: string;
  readonly code: string;
  readonly detail: string;
}

/** The number of lines that a patch adds and removes. */
export interface LineCounts {
  readonly added: number;
  readonly removed: number;
}

/** A verb for before, during and after the call. */
interface Verb {
  readonly base: string;
  readonly now: string;
  readonly past: string;
}

interface Description {
  readonly verb: Verb;
  readonly code: string;
  /** The result of a successful call. */
  readonly done?: string;
}

type Arguments = Readonly<Record<string, unknown>>;
const CODE = 120; // characters

const READ: Verb = { base: "read", now: "Reading", past: "Read" };

/** The server's own tools. */
const TOOLS: Readonly<Record<string, (given: Arguments, result: string) => Description>> = {
  run_command: (given) => ({
    verb: { base: "run", now: "Running", past: "Ran" },
    code: textOf(given, "command"),
    done: "",
  }),
  read_file: (given, result) => ({ verb: READ, code: textOf(given, "path"), done: linesOf(result) }),
  symbols: (given) => ({
    verb: { base: "read the outline of", now: "Reading the outline of", past: "Read the outline of" },
    code: textOf(given, "path"),
  }),
  diagnostics: (given) => ({
    verb: { base: "read the problems of", now: "Reading the problems of", past: "Read the problems of" },
    code: textOf(given, "path"),
  }),
  list_files: (given) => ({
    verb: { base: "list files", now: "Listing files", past: "Listed files" },
    code: joinNonEmpty(textOf(given, "path"), textOf(given, "glob")),
  }),
  search: (given, result) => ({
    verb: { base: "search for", now: "Searching for", past: "Searched for" },
    code: textOf(given, "pattern"),
    done: joinNonEmpty(hitsOf(result), within(given)),
  }),
  edit_file: (given) => ({ verb: { base: "edit", now: "Editing", past: "Edited" }, code: textOf(given, "path") }),
  create_file: (given) => ({ verb: { base: "create", now: "Creating", past: "Created" }, code: textOf(given, "path") }),
  delete_file: (given) => ({ verb: { base: "delete", now: "Deleting", past: "Deleted" }, code: textOf(given, "path") }),
  git_diff: (given) => {
    const which = `${given["staged"] === true ? "staged " : ""}changes${textOf(given, "base") === "" ? "" : " since"}`;
    return {
      verb: { base: `read the ${which}`, now: `Reading the ${which}`, past: `Read the ${which}` },
      code: textOf(given, "base"),
    };
  },
  git_log: (given) => ({
    verb: { base: "read the history", now: "Reading the history", past: "Read the history" },
    code: joinNonEmpty(textOf(given, "path"), textOf(given, "text")),
  }),
  git_show: (given) => ({ verb: READ, code: joinNonEmpty(textOf(given, "revision"), textOf(given, "path")) }),
  report_finding: (given) => ({
    verb: { base: "report", now: "Reporting", past: "Reported" },
    code: textOf(given, "title"),
  }),
  scan: (given) => ({
    verb: { base: "scan", now: "Scanning", past: "Scanned" },
    code: listOf(given, "paths") || "the workspace",
  }),
  ask_agent: (given) => ({
    verb: { base: "ask", now: "Asking", past: "Asked" },
    code: textOf(given, "agent"),
    done: textOf(given, "question"),
  }),
};

const CALL: Verb = { base: "call", now: "Calling", past: "Called" };

/** `edited` are the lines that the call changed, if known. */
export function toolLine(part: ToolPart, edited?: LineCounts): ToolLine {
  const { status } = part;
  // External agents describe their calls themselves.
  if (part.title && !Object.hasOwn(TOOLS, part.name)) return titledLine(part, part.title);
  const { verb, code, done = "" } = describe(part);
  const line = (verb: string, detail: string): ToolLine => ({ verb, code: brief(code), detail: brief(detail) });
  switch (status) {
    case "waiting":
      return line(`Wants to ${verb.base}`, "");
    case "running":
      return line(verb.now, "");
    case "done":
      return line(verb.past, joinNonEmpty(done, edited === undefined ? "" : countsText(edited), exitOf(part)));
    case "denied":
      return line(`Not allowed to ${verb.base}`, reasonOf(part));
    case "failed": {
      const exit = exitOf(part);
      return exit === "" ? line(`Could not ${verb.base}`, reasonOf(part)) : line(verb.past, exit);
    }
  }
}

const OUTCOMES: Partial<Readonly<Record<ToolPart["status"], string>>> = {
  waiting: "Waiting: ",
  failed: "Failed: ",
  denied: "Not allowed: ",
};

function titledLine(part: ToolPart, title: string): ToolLine {
  return { verb: `${OUTCOMES[part.status] ?? ""}${brief(title)}`, code: "", detail: brief(reasonOf(part)) };
}

/** The line as text, with its code between the given markers. */
export function toolText({ verb, code, detail }: ToolLine, mark: (code: string) => string = (text) => text): string {
  const start = [verb, code === "" ? "" : mark(code)].filter(Boolean).join(" ");
  return detail === "" ? start : `${start}: ${detail}`;
}

export function countsOf(patch: string): LineCounts {
  // The header of the patch also has lines that begin with these signs.
  const lines = patch.slice(Math.max(0, patch.indexOf("\n@@"))).split("\n");
  const count = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length;
  return { added: count("+"), removed: count("-") };
}

/** Uses the minus sign, which is as wide as the plus sign. */
export function countsText({ added, removed }: LineCounts): string {
  return [added > 0 || removed === 0 ? `+${added}` : "", removed > 0 ? `−${removed}` : ""].filter(Boolean).join(" ");
}

/**
 * The changed lines of each call that changed a file. The server puts an edit after the call that made it; the first of several
 * calls for the same file belongs to the first edit.
 */
export function countsByCall(parts: readonly Part[]): ReadonlyMap<string, LineCounts> {
  const counts = new Map<string, LineCounts>();
  const matched = new Set<Part>();
  parts.forEach((call, index) => {
    if (call.kind !== "tool" || call.status !== "done") return;
    const path = fileOf(call);
    if (path === "") return;
    const edit = parts.find((part, at) => at > index && part.kind === "edit" && !matched.has(part) && isAt(part.uri, path));
    if (edit?.kind !== "edit" || edit.patch === undefined) return;
    matched.add(edit);
    counts.set(call.callId, countsOf(edit.patch));
  });
  return counts;
}

function fileOf({ name, arguments: given }: ToolPart): string {
  return ["edit_file", "create_file", "delete_file"].includes(name) ? textOf(given, "path").replace(/^\.\//, "") : "";
}

function isAt(uri: string, path: string): boolean {
  let address: string;
  try {
    address = decodeURIComponent(uri);
  } catch {
    address = uri;
  }
  const normal = path.replaceAll("\\", "/");
  return address.endsWith(normal.startsWith("/") ? normal : `/${normal}`);
}

function describe({ name, arguments: given, result, unreadable }: ToolPart): Description {
  const known = Object.hasOwn(TOOLS, name) ? TOOLS[name]?.(given, result ?? "") : undefined;
  if (known !== undefined) return known;
  return { verb: CALL, code: name, done: unreadable ?? argumentsText(given) };
}

/** The arguments of any tool, as `city: Paris, days: 3`. */
export function argumentsText(given: Arguments): string {
  return Object.entries(given)
    .map(([key, value]) => `${key}: ${valueText(value)}`)
    .join(", ");
}

/** The value of an argument: text unchanged, anything else as JSON. */
export function valueText(value: unknown, indent?: number): string {
  return typeof value === "string" ? value : JSON.stringify(value, undefined, indent);
}

/** How a command ended, as `exit 1`; empty if unknown and for other tools. */
function exitOf({ name, result = "" }: ToolPart): string {
  if (name !== "run_command") return "";
  const code = /^Exit code (-?\d+)( \(ended by a signal\))?/.exec(result);
  if (code !== null) return code[2] === undefined ? `exit ${code[1]}` : "ended by a signal";
  return /^Stopped after [\d.]+ seconds/.exec(result)?.[0].replace(/^S/, "s") ?? "";
}

/** The lines that were read, from the result: `lines 1–20 of 80`. */
function linesOf(result: string): string {
  const found = /^.*, lines (\d+) to (\d+) of (\d+)$/m.exec(result.split("\n", 1)[0] ?? "");
  if (found === null) return "";
  const [, first, last, all] = found;
  if (first === "1" && last === all) return all === "1" ? "1 line" : `${all} lines`;
  return first === last ? `line ${first} of ${all}` : `lines ${first}–${last} of ${all}`;
}

function hitsOf(result: string): string {
  if (result === "") return "";
  const hits = result.split("\n").filter((line) => /^\d+: /.test(line)).length;
  return hits === 0 ? "no matches" : hits === 1 ? "1 match" : `${hits} matches`;
}

function within(given: Arguments): string {
  const where = joinNonEmpty(textOf(given, "path"), textOf(given, "glob"));
  return where === "" ? "" : `in ${where}`;
}

function textOf(given: Arguments, key: string): string {
  const value = given[key];
  return typeof value === "string" ? value : "";
}

function listOf(given: Arguments, key: string): string {
  const value = given[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string").join(", ") : "";
}

function joinNonEmpty(...pieces: readonly string[]): string {
  return pieces.filter(Boolean).join(" ");
}

function brief(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > CODE ? `${line.slice(0, CODE)}…` : line;
}
