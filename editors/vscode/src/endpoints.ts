/** The user's own model servers: their addresses and their lists of models. Pure except for the given `fetch`. */
import { Problem } from "./problem";

/** Which API the server has. */
export type Shape = "openai" | "anthropic";

export interface Endpoint {
  readonly shape: Shape;
  readonly base: string;
  /** Empty if the server needs none. */
  readonly key: string;
}

/** The environment variables that configure it in the sessionls server. */
export const VARIABLES: Readonly<Record<Shape, { readonly base: string; readonly key: string; readonly prefix: string }>> = {
  openai: { base: "CUSTOM_OPENAI_API_BASE", key: "CUSTOM_OPENAI_API_KEY", prefix: "custom_openai" },
  anthropic: { base: "CUSTOM_ANTHROPIC_API_BASE", key: "CUSTOM_ANTHROPIC_API_KEY", prefix: "custom_anthropic" },
};

const REQUEST_PATHS = /\/(chat\/completions|messages|models|completions)$/;

/** The address to store: without the path of requests and without keys. Undefined if it is invalid. */
export function baseOf(text: string): string | undefined {
  const address = text.trim();
  if (!/^https?:\/\/[^/\s]+/i.test(address) || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.username !== "" || url.password !== "") return undefined;
  const path = url.pathname.replace(/\/+$/, "").replace(REQUEST_PATHS, "");
  return `${url.origin}${path}`;
}

/** The hint about valid addresses. */
export const BASE_HINT = "An address such as http://localhost:8000/v1, without a user or a password in it.";

/** The URLs of the list of models: at the given address, and with the version added. */
function listAddresses({ shape, base }: Endpoint): readonly string[] {
  if (/\/v\d+[a-z0-9]*$/.test(base)) return [`${base}/models`];
  const versioned = `${base}/v1/models`;
  return shape === "anthropic" ? [versioned] : [`${base}/models`, versioned];
}

export interface EndpointModels {
  /** The endpoint with the address that answered. */
  readonly endpoint: Endpoint;
  /** Empty if the server lists none. */
  readonly models: readonly string[];
}

const TIMEOUT = 10_000; // milliseconds
const MAX_MODELS = 500;

/** Lists the server's models. Throws a `Problem` if nothing answers or the key is refused. */
export async function listModels(endpoint: Endpoint, get: typeof fetch): Promise<EndpointModels> {
  const key = endpoint.key === "" ? "none" : endpoint.key;
  const headers: Record<string, string> =
    endpoint.shape === "anthropic" ? { "x-api-key": key, "anthropic-version": "2023-06-01" } : { authorization: `Bearer ${key}` };
  for (const address of listAddresses(endpoint)) {
    const answer = await fetchList(address, headers, get);
    if (answer.status === 401 || answer.status === 403)
      throw new Problem("keyRefused", `${hostOf(address)} refuses the key (${answer.status}).`, "Give another key.");
    if (!answer.ok) continue;
    const models = idsOf(await answer.json().catch(() => undefined));
    if (models === undefined) continue;
    const base = address.slice(0, -"/models".length);
    return { endpoint: { ...endpoint, base }, models };
  }
  return { endpoint, models: [] };
}

async function fetchList(address: string, headers: Record<string, string>, get: typeof fetch): Promise<Response> {
  try {
    // A redirect could send the key to another server.
    return await get(address, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
    throw new Problem(
      "endpointSilent",
      `Nothing answers at ${hostOf(address)}${why}.`,
      "Check the address, and that the server runs.",
    );
  }
}

function idsOf(answer: unknown): readonly string[] | undefined {
  const rows = typeof answer === "object" && answer !== null && "data" in answer ? answer.data : answer;
  if (!Array.isArray(rows)) return undefined;
  const ids = rows.map((row: unknown) => (typeof row === "object" && row !== null && "id" in row ? row.id : undefined));
  return [...new Set(ids.filter((id): id is string => typeof id === "string" && /^\S{1,150}$/.test(id)))].slice(0, MAX_MODELS);
}

export function hostOf(address: string): string {
  return new URL(address).host;
}
