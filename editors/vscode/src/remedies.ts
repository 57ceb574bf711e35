/** Commands of this extension that help with an error. Pure. */

export interface Remedy {
  readonly label: string;
  /** The command, without its prefix `session.`. */
  readonly command:
    "delete" | "replaceKey" | "setUpModel" | "switchModel" | "switchAgent" | "installServer" | "restartServer" | "showOutput";
}

const OUTPUT: Remedy = { label: "Show Output", command: "showOutput" };

const SWITCH: Remedy = { label: "Switch Model…", command: "switchModel" };

/** For reasons of `modelUnavailable` with a specific remedy. */
const BY_REASON: Readonly<Record<string, readonly Remedy[]>> = {
  unauthorized: [{ label: "Replace the Key…", command: "replaceKey" }, SWITCH, OUTPUT],
  noKey: [{ label: "Give a Key…", command: "replaceKey" }, SWITCH],
  quota: [SWITCH, { label: "Replace the Key…", command: "replaceKey" }],
  refused: [SWITCH, { label: "Set Up a Model…", command: "setUpModel" }, OUTPUT],
  stalled: [SWITCH, OUTPUT],
  cut: [SWITCH, OUTPUT],
  provider: [SWITCH, OUTPUT],
};

const REMEDIES: Readonly<Record<string, readonly Remedy[]>> = {
  modelUnavailable: [SWITCH, { label: "Set Up a Model…", command: "setUpModel" }],
  agentUnavailable: [{ label: "Switch Agent…", command: "switchAgent" }, OUTPUT],
  agentNotFound: [{ label: "Switch Agent…", command: "switchAgent" }],
  sessionUnreadable: [{ label: "Delete Session…", command: "delete" }, OUTPUT],
  storeUnavailable: [OUTPUT],
  internalError: [OUTPUT],
  serverStopped: [{ label: "Restart Server", command: "restartServer" }, OUTPUT],
  serverStarting: [OUTPUT],
  serverNotFound: [{ label: "Install the Server", command: "installServer" }],
  serverNotThere: [{ label: "Restart Server", command: "restartServer" }, OUTPUT],
  serverLost: [OUTPUT],
};

/** `kind`: the kind of a protocol error or of a `Problem`; `reason`: the reason of `modelUnavailable`. */
export function remediesFor(kind: string | undefined, reason?: string): readonly Remedy[] {
  if (kind === "modelUnavailable" && reason !== undefined && Object.hasOwn(BY_REASON, reason)) return BY_REASON[reason] ?? [];
  return kind !== undefined && Object.hasOwn(REMEDIES, kind) ? (REMEDIES[kind] ?? []) : [];
}
