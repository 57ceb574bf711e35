/** The messages between the extension host and the panel's webview. Both sides import only these types of each other. */
import type { OpenSession, Question } from "../folding/openSession";
import type { Agent, Context, Finding, Message, Participant, PromptFile, Session, WindowUse } from "../protocol";

export type { Agent, Context, Message, Participant, PromptFile, Question, Session, WindowUse };

/** A piece of context as shown before it is sent. `key` is the same for the same location. */
export interface Chip {
  readonly key: string;
  readonly icon: string;
  readonly label: string;
  readonly title: string;
  readonly context: Context;
}

/** An unsent message. */
export interface Draft {
  readonly text: string;
  readonly agent?: string;
  readonly chips: readonly Chip[];
}

export type Decision = "once" | "session" | "deny";

/** An open session in the panel: the newest part of the store's messages. */
export type View = OpenSession;

export interface Agents {
  readonly agents: readonly Agent[];
  readonly default: string;
}

/** An error for a person. */
export interface Problem {
  /** The error kind of the protocol. */
  readonly kind?: string;
  /** The reason of `modelUnavailable`. */
  readonly reason?: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Completion {
  readonly label: string;
  readonly detail: string;
  readonly icon: string;
  readonly chip: Chip;
}

/** The current location of a finding's code. */
export interface PlaceNow {
  readonly uri: string;
  readonly range: Finding["range"];
}

/** The actions on a finding in the panel. */
export type FindingAct = "fix" | "apply" | "dismiss" | "resolve" | "reopen";

/** The changes of a reply to a file, and their state; `state` is absent if unknown. */
export interface ShownChange {
  readonly uri: string;
  readonly kind: "edited" | "created" | "deleted";
  readonly state?: "applied" | "reverted" | "partly" | "overwritten";
  readonly added: number;
  readonly removed: number;
  readonly notice?: string;
  /** Its hunks, if known. */
  readonly hunks: readonly ShownHunk[];
}

export interface ShownHunk {
  readonly id: string;
  readonly state: "applied" | "reverted" | "overwritten";
  readonly added: number;
  readonly removed: number;
  /** Its current line (zero-based). */
  readonly line?: number;
  readonly patch?: string;
}

/** `missing`: the server is not installed, and can be installed from here. */
export type Server = "ready" | "starting" | "installing" | "missing" | "stopped";

/** The available models. */
export interface Models {
  /** The model that is used if neither the message, the session nor the agent sets one. */
  readonly default?: string;
  /** Why the chosen default is not available. */
  readonly problem?: string;
  /** Known problems of models, by name. */
  readonly unable: Readonly<Record<string, string>>;
}

/** The commands (`session.…`) that the page may run for its session. */
export const COMMANDS = [
  "switchAgent",
  "switchModel",
  "setBudget",
  "showWindow",
  "compact",
  "export",
  "share",
  "handOver",
  "fork",
  "rename",
  "delete",
  "setUpModel",
  "replaceKey",
  "installServer",
  "restartServer",
  "showOutput",
] as const;

export type ToView =
  | { readonly type: "show"; readonly view: View }
  | {
      readonly type: "session";
      readonly session: Session;
      readonly participants: readonly Participant[];
    }
  /** Changed messages, and new ones at the end. */
  | { readonly type: "messages"; readonly messages: readonly Message[] }
  /** New text at the end of a part of a message. */
  | { readonly type: "append"; readonly messageId: string; readonly part: number; readonly text: string }
  /** Messages before all others. */
  | { readonly type: "older"; readonly messages: readonly Message[]; readonly more: boolean }
  /** Scrolls to this message, which the page has. */
  | { readonly type: "reveal"; readonly messageId: string }
  | { readonly type: "agents"; readonly agents: Agents }
  | { readonly type: "models"; readonly models: Models }
  /** Prompt files, which are used with `/` and their name. */
  | { readonly type: "prompts"; readonly prompts: readonly PromptFile[] }
  /** How much of its model's context window the session uses; absent if unknown. */
  | { readonly type: "window"; readonly use?: WindowUse }
  /** The context that the editor offers. */
  | { readonly type: "offers"; readonly chips: readonly Chip[] }
  /** The `data:` URL of an image; absent if it is not available. */
  | { readonly type: "image"; readonly key: string; readonly source?: string }
  | { readonly type: "completions"; readonly id: number; readonly items: readonly Completion[] }
  /** The stored draft. Sent before the first `show`. */
  | { readonly type: "draft"; readonly draft: Draft }
  /** Input for the composer from a command such as "Ask Agent About Selection". */
  | { readonly type: "compose"; readonly draft: Draft }
  /** A withdrawn message, to be put into the composer before its present text. */
  | { readonly type: "takenBack"; readonly draft: Draft }
  /** Which participant the person here is; nothing where that is not known yet. */
  | { readonly type: "participant"; readonly id?: string }
  /** The person has no access to the session any more; `draft` is what they had not sent. */
  | { readonly type: "accessLost"; readonly title: string; readonly draft: Draft }
  | { readonly type: "server"; readonly server: Server }
  /** The changes of a reply to files. */
  | { readonly type: "changes"; readonly messageId: string; readonly files: readonly ShownChange[] }
  /** Whether the session was deleted and can still be restored. It accepts no messages. */
  | { readonly type: "deleting"; readonly deleting: boolean }
  /** Whether the workspace is trusted. If not, agents may only read. */
  | { readonly type: "trust"; readonly trusted: boolean }
  /** The current locations of this session's findings in Problems, by the finding's id. */
  | { readonly type: "places"; readonly places: Readonly<Record<string, PlaceNow>> }
  /** A failed request; `draft` is put back into the composer if it is empty. */
  | { readonly type: "problem"; readonly problem: Problem; readonly draft?: Draft };

export type FromView =
  | { readonly type: "ready" }
  /** The page has the focus. */
  | { readonly type: "focused" }
  /** `resume`: resume the session or the interrupted reply first. */
  | { readonly type: "send"; readonly draft: Draft; readonly delivery: "queue" | "steer"; readonly resume?: true }
  /** A message to people, for which no agent wakes. */
  | { readonly type: "comment"; readonly draft: Draft }
  | { readonly type: "draft"; readonly draft: Draft }
  | { readonly type: "older" | "listPrompts" }
  | { readonly type: "cancel" | "pause" | "resume" | "unarchive" }
  /** `draft` is put into the composer of the fork. */
  | { readonly type: "fork"; readonly at?: string; readonly draft?: Draft }
  /** Opens a fork that ends before this message, with the message in its composer. */
  | { readonly type: "resend"; readonly messageId: string }
  | { readonly type: "undoDelete" }
  /** Requests the changes of a reply to files, or shows them in the diff editor. */
  | { readonly type: "listChanges" | "reviewChanges"; readonly messageId: string }
  /** Reverts the changes: in all files, in this file, or this hunk. */
  | { readonly type: "revertChanges"; readonly messageId: string; readonly uri?: string; readonly hunk?: string }
  /** Reverts all changes by agents since this message. */
  | { readonly type: "revertSince"; readonly messageId: string }
  /** Actions on a waiting message. `editQueued`: withdraw it into the composer; `sendSooner`: move it up by one. */
  | { readonly type: "withdraw" | "editQueued" | "sendNow" | "sendSooner"; readonly messageId: string }
  | { readonly type: "showParent" | "manageTrust" }
  | { readonly type: "command"; readonly command: (typeof COMMANDS)[number] }
  /** Shows a question in full in an editor, or allows it permanently after a confirmation. */
  | { readonly type: "showQuestion" | "alwaysAllow"; readonly requestId: string }
  | { readonly type: "answer"; readonly requestId: string; readonly decision: Decision }
  | { readonly type: "complete"; readonly id: number; readonly query: string }
  /** A pasted or dropped image; `data` is base64. */
  | { readonly type: "attachImage"; readonly name: string; readonly data: string }
  /** Items dropped from elsewhere in VS Code. */
  | { readonly type: "attachUris"; readonly uris: readonly string[] }
  /** Lets the person choose an image. */
  | { readonly type: "chooseImage" }
  | { readonly type: "image"; readonly key: string; readonly context: Extract<Context, { kind: "image" }> }
  | { readonly type: "openImage"; readonly context: Extract<Context, { kind: "image" }> }
  | { readonly type: "copy" | "insert"; readonly text: string }
  | { readonly type: "openDocument"; readonly messageId: string }
  | { readonly type: "openPlace"; readonly uri: string; readonly line?: number; readonly endLine?: number }
  | { readonly type: "openLink"; readonly href: string }
  | { readonly type: "finding"; readonly findingId: string; readonly act: FindingAct }
  /** `path`: the index of the part in its message, then of the part within that part. */
  | { readonly type: "showChanges"; readonly messageId: string; readonly path: readonly number[] };

/** A message of a page; `page` is the token that it was created with. */
export type FromPage = FromView & { readonly page: string };

/** The state that the webview keeps across reloads of the window. */
export interface PageState {
  readonly sessionId: string;
  /** The last message that was sent from here. */
  readonly sent?: string;
}
