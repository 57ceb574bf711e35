/** Parses the targets of links in agents' text. Pure. */
import { posix } from "node:path";
import { decodePart } from "../format";

export interface LinkedPlace {
  /** With `/` as in URIs, and without `..` that leads out of the start folder. */
  readonly path: string;
  /** Zero-based lines. */
  readonly line?: number;
  readonly endLine?: number;
}

/**
 * The target of `src/read.py`, `/home/ada/src/read.py`, `C:\\src\\read.py` or `file:///src/read.py`, each optionally followed by
 * `#L12`, `#L12-L20` or `:12`. Undefined if it is not a path.
 */
export function placeOf(href: string): LinkedPlace | undefined {
  const [, given, line, from, to] = LINK.exec(href) ?? [];
  if (given === undefined) return undefined;
  let path = decodePart(given).replaceAll("\\", "/");
  const drive = /^\/?([a-z]):(\/.*)$/i.exec(path);
  if (drive !== null) path = `/${drive[1]?.toLowerCase()}:${drive[2]}`;
  else if (/^[a-z][\w+.-]+:/i.test(path)) return undefined;
  path = posix.normalize(path);
  if (path === ".." || path.startsWith("../") || path.includes("\0")) return undefined;
  const first = from ?? line;
  return { path, ...(first !== undefined && { line: fromZero(first) }), ...(to !== undefined && { endLine: fromZero(to) }) };
}

/** A path and its lines. Other fragments are ignored. */
const LINK = /^(?:file:\/\/(?:localhost(?=\/))?)?([^#]+?)(?::(\d+)(?::\d+)?)?(?:#(?:L(\d+)(?:C\d+)?(?:-L?(\d+))?)?.*)?$/i;

function fromZero(digits: string): number {
  return Math.max(0, Number(digits) - 1);
}
