/** Interprets pip's output for people. Pure. */
import { Problem } from "./problem";

/** A line of pip's output about progress: it collects the next package, or installs all of them. */
export type Step = { readonly kind: "package"; readonly name: string } | { readonly kind: "installing" };

/** pip prints one such line for each line of a requirements file. */
export function stepOf(line: string): Step | undefined {
  if (line.startsWith("Installing collected packages:")) return { kind: "installing" };
  const name =
    /^(?:Collecting|Requirement already satisfied:) ([\w.-]+)/.exec(line) ??
    /^Ignoring ([\w.-]+):/.exec(line) ??
    /^Processing (?:.*[/\\])?([A-Za-z0-9.]+(?:[_.][A-Za-z0-9.]+)*)-\d/.exec(line);
  return name?.[1] === undefined ? undefined : { kind: "package", name: name[1].replaceAll("_", "-") };
}

/** The number of packages in a requirements file. */
export function countOf(requirements: string): number {
  return requirements.split("\n").filter((line) => /^[\w.-]+==/.test(line)).length;
}

const REASONS: readonly { readonly sign: RegExp; readonly message: string; readonly hint: string }[] = [
  {
    sign: /DO NOT MATCH THE HASHES/,
    message: "A package has an unexpected checksum, so nothing was installed.",
    hint: "Your package registry may have changed it, or a download was incomplete. Try again, or read the output.",
  },
  {
    sign: /No space left on device|not enough space|Errno 28/i,
    message: "There is not enough space on the disk.",
    hint: "The server and its packages need about 500 MB. Free some space and try again.",
  },
  {
    sign: /CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed/i,
    message: "The certificate of the package registry is not trusted on this machine.",
    hint: "If you are behind a company's proxy, set its certificate in pip's setting `cert` and try again.",
  },
  {
    sign: /ProxyError|Tunnel connection failed|407 Proxy/i,
    message: "The proxy refused pip's request.",
    hint: "Set the proxy in pip's setting `proxy` or in HTTPS_PROXY, and try again.",
  },
  {
    sign: /NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|ReadTimeout|Read timed out|Connection ?refused|Network is unreachable|getaddrinfo failed/i,
    message: "The packages could not be downloaded.",
    hint: "Check the network connection and try again.",
  },
  {
    sign: /401 Client Error|403 Client Error|401 Error|403 Error/,
    message: "The package registry refused pip's request.",
    hint: "Check pip's settings (`pip config list`) and try again.",
  },
  {
    sign: /subprocess-exited-with-error|Failed building wheel|Failed to build/,
    message: "A package has no ready-made build for this Python and could not be built.",
    hint: "Choose another Python (3.11 to 3.13 work on most systems), or read the output.",
  },
  {
    sign: /No matching distribution found|Could not find a version/,
    message: "A package is not available for this Python, or not in your package registry.",
    hint: "Choose another Python, check pip's settings (`pip config list`), or read the output.",
  },
];

/** The reason of a failed installation, from the end of pip's output. */
export function whyFailed(output: readonly string[]): Problem {
  const text = output.join("\n");
  const reason = REASONS.find(({ sign }) => sign.test(text));
  return new Problem(
    "installFailed",
    `The server could not be installed. ${reason?.message ?? "pip ended with an error."}`,
    reason?.hint ?? "See the output for details.",
  );
}
