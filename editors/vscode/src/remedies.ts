/** What a person can do about an error, as commands of this extension. Pure. */

export interface Remedy {
  readonly label: string;
  /** As `session.…`. */
  readonly command: "setUpModel" | "switchModel" | "switchAgent" | "restartServer" | "showOutput";
}

const OUTPUT: Remedy = { label: "Show Output", command: "showOutput" };

const REMEDIES: Readonly<Record<string, readonly Remedy[]>> = {
  modelUnavailable: [
    { label: "Switch Model…", command: "switchModel" },
    { label: "Set Up a Model…", command: "setUpModel" },
  ],
  agentUnavailable: [{ label: "Switch Agent…", command: "switchAgent" }, OUTPUT],
  agentNotFound: [{ label: "Switch Agent…", command: "switchAgent" }],
  storeUnavailable: [OUTPUT],
  internalError: [OUTPUT],
  serverStopped: [{ label: "Restart Server", command: "restartServer" }, OUTPUT],
  serverLost: [OUTPUT],
};

/** `kind`: of an error of the protocol, or of a `Problem`. */
export function remediesFor(kind: string | undefined): readonly Remedy[] {
  return kind !== undefined && Object.hasOwn(REMEDIES, kind) ? (REMEDIES[kind] ?? []) : [];
}
