/** Exchanges images with the host: sends pasted and dropped ones, and requests those to show. */
import type { Context } from "../src/panel/messages";
import { post } from "./host";

export type ImageContext = Extract<Context, { kind: "image" }>;

/** The number of cached images. */
const MAX_IMAGES = 60;

const sources = new Map<string, Promise<string | undefined>>();
const waiting = new Map<string, (source: string | undefined) => void>();

/** The source for an `img`. Each image is requested once. */
export function sourceOf(context: ImageContext): Promise<string | undefined> {
  const key = context.sha256 ?? context.uri ?? "";
  const known = sources.get(key);
  if (known !== undefined) return known;
  const source = new Promise<string | undefined>((resolve) => {
    waiting.set(key, resolve);
    post({ type: "image", key, context });
  });
  sources.set(key, source);
  for (const [old] of sources) {
    if (sources.size <= MAX_IMAGES) break;
    if (!waiting.has(old)) sources.delete(old);
  }
  return source;
}

export function imageArrived(key: string, source: string | undefined): void {
  waiting.get(key)?.(source);
  waiting.delete(key);
  if (source === undefined) sources.delete(key);
}

/** Whether the dragged item can become context. */
export function canDrop(data: DataTransfer | null): boolean {
  return data?.types.some((type) => type === "Files" || type.endsWith("uri-list")) ?? false;
}

/** Sends pasted or dropped items to the host. Returns whether there were any. */
export function attach(data: DataTransfer | null): boolean {
  if (data === null) return false;
  const files = [...data.files].filter(({ type }) => type.startsWith("image/"));
  for (const file of files) void send(file);
  if (files.length > 0) return true;
  const uris = (data.getData("application/vnd.code.uri-list") || data.getData("text/uri-list"))
    .split(/\r?\n/)
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (uris.length > 0) post({ type: "attachUris", uris });
  return uris.length > 0;
}

async function send(file: File): Promise<void> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  post({ type: "attachImage", name: file.name, data: btoa(text) });
}
