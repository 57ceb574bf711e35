/** What the extension host and the panel's webview say to each other. Both sides import these types and nothing else of each other. */
import type { OpenSession, Question } from "../folding";
import type { Agent, Context, Finding, Message, Participant, PromptFile, Session, WindowUse } from "../protocol";

export type { Agent, Context, Message, Participant, PromptFile, Question, Session, WindowUse };

/** A piece of context that a person sees before it is sent. `key` is the same for the same place. */
export interface Chip {
  readonly key: string;
  readonly icon: string;
  readonly label: string;
  readonly title: string;
  readonly context: Context;
}

/** What a person has written and not yet sent. */
export interface Draft {
  readonly text: string;
  readonly agent?: string;
  readonly chips: readonly Chip[];
}

export type Decision = "once" | "session" | "deny";

/** An open session as the panel shows it: the newest part of what the store knows. */
export type View = OpenSession;

export interface Agents {
  readonly agents: readonly Agent[];
  readonly default: string;
}

/** Something that went wrong, in words for a person. */
export interface Problem {
  /** As in the protocol's table of errors. */
  readonly kind?: string;
  /** Of `modelUnavailable`: which of its reasons. */
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

/** Where a finding's code is now. */
export interface PlaceNow {
  readonly uri: string;
  readonly range: Finding["range"];
}

/** What can be done about a finding in the panel. */
export type FindingAct = "fix" | "apply" | "dismiss" | "resolve" | "reopen";

/** What a reply changed in a file, and what of it stands; no `state` where that is not known. */
export interface ShownChange {
  readonly uri: string;
  readonly kind: "edited" | "created" | "deleted";
  readonly state?: "applied" | "reverted" | "partly" | "overwritten";
  readonly added: number;
  readonly removed: number;
  readonly notice?: string;
  /** Its hunks, where the server knows them. */
  readonly hunks: readonly ShownHunk[];
}

export interface ShownHunk {
  readonly id: string;
  readonly state: "applied" | "reverted" | "overwritten";
  readonly added: number;
  readonly removed: number;
  /** Where it stands now, from 0. */
  readonly line?: number;
  readonly patch?: string;
}

/** `missing`: the server is not installed, and can be from here. */
export type Server = "ready" | "starting" | "installing" | "missing" | "stopped";

/** Which models can answer. */
export interface Models {
  /** The one that does where neither the message, the session nor the agent names one. */
  readonly default?: string;
  /** Why there is no default, where it was chosen and cannot answer. */
  readonly problem?: string;
  /** What is known to be wrong with models, by their names. */
  readonly unable: Readonly<Record<string, string>>;
}

/** The commands that the page may have run, as `session.…`, for its session. */
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
  /** Messages that changed, and new ones, which stand after all others. */
  | { readonly type: "messages"; readonly messages: readonly Message[] }
  /** Text at the end of one part of one message. */
  | { readonly type: "append"; readonly messageId: string; readonly part: number; readonly text: string }
  /** Messages that stand before all others. */
  | { readonly type: "older"; readonly messages: readonly Message[]; readonly more: boolean }
  /** Show this message, which the page has. */
  | { readonly type: "reveal"; readonly messageId: string }
  | { readonly type: "agents"; readonly agents: Agents }
  | { readonly type: "models"; readonly models: Models }
  /** Prompt files, which `/` and their name stand for. */
  | { readonly type: "prompts"; readonly prompts: readonly PromptFile[] }
  /** How much of its model's window the session takes; nothing where that is not known. */
  | { readonly type: "window"; readonly use?: WindowUse }
  /** What the editor could hand over now. */
  | { readonly type: "offers"; readonly chips: readonly Chip[] }
  /** What an image is shown with, a `data:` URL; nothing where it cannot be had. */
  | { readonly type: "image"; readonly key: string; readonly source?: string }
  | { readonly type: "completions"; readonly id: number; readonly items: readonly Completion[] }
  /** What was written here before and not sent. Comes before the first `show`. */
  | { readonly type: "draft"; readonly draft: Draft }
  /** Put into the composer: from a command such as "Ask Agent About Selection". */
  | { readonly type: "compose"; readonly draft: Draft }
  /** A message was taken back: it goes into the composer before what is begun there. */
  | { readonly type: "takenBack"; readonly draft: Draft }
  /** Which participant the person here is; nothing where that is not known yet. */
  | { readonly type: "participant"; readonly id?: string }
  /** The person has no access to the session any more; `draft` is what they had not sent. */
  | { readonly type: "accessLost"; readonly title: string; readonly draft: Draft }
  | { readonly type: "server"; readonly server: Server }
  /** What a reply changed in files. */
  | { readonly type: "changes"; readonly messageId: string; readonly files: readonly ShownChange[] }
  /** Whether the session was deleted, and can still be brought back: it takes no messages. */
  | { readonly type: "deleting"; readonly deleting: boolean }
  /** Whether the workspace is trusted; where it is not, agents may only read. */
  | { readonly type: "trust"; readonly trusted: boolean }
  /** Where the code is now of the findings of this session that stand in Problems, by the finding's id. */
  | { readonly type: "places"; readonly places: Readonly<Record<string, PlaceNow>> }
  /** What could not be done; `draft` goes back into the composer where it is empty. */
  | { readonly type: "problem"; readonly problem: Problem; readonly draft?: Draft };

export type FromView =
  | { readonly type: "ready" }
  /** The page has the focus. */
  | { readonly type: "focused" }
  /** `resume`: the session, or the reply that was interrupted, goes on first. */
  | { readonly type: "send"; readonly draft: Draft; readonly delivery: "queue" | "steer"; readonly resume?: true }
  /** A message to people, for which no agent wakes. */
  | { readonly type: "comment"; readonly draft: Draft }
  | { readonly type: "draft"; readonly draft: Draft }
  | { readonly type: "older" | "listPrompts" }
  | { readonly type: "cancel" | "pause" | "resume" | "unarchive" }
  /** `draft` goes into the composer of the fork. */
  | { readonly type: "fork"; readonly at?: string; readonly draft?: Draft }
  /** Opens a fork that ends before this message, with the message in its composer. */
  | { readonly type: "resend"; readonly messageId: string }
  | { readonly type: "undoDelete" }
  /** What a reply changed in files is to be told, or shown in the diff editor. */
  | { readonly type: "listChanges" | "reviewChanges"; readonly messageId: string }
  /** It is to be taken back: in all files, in this one, or this hunk of it. */
  | { readonly type: "revertChanges"; readonly messageId: string; readonly uri?: string; readonly hunk?: string }
  /** All that agents changed since this message is to be taken back. */
  | { readonly type: "revertSince"; readonly messageId: string }
  /** What becomes of a message that waits. `editQueued`: it is taken back into the composer; `sendSooner`: one place further up. */
  | { readonly type: "withdraw" | "editQueued" | "sendNow" | "sendSooner"; readonly messageId: string }
  | { readonly type: "showParent" | "manageTrust" }
  | { readonly type: "command"; readonly command: (typeof COMMANDS)[number] }
  /** All that a question is about is to be shown in an editor; or what it asks for is to be allowed for good, if the person means it. */
  | { readonly type: "showQuestion" | "alwaysAllow"; readonly requestId: string }
  | { readonly type: "answer"; readonly requestId: string; readonly decision: Decision }
  | { readonly type: "complete"; readonly id: number; readonly query: string }
  /** An image that was pasted or dropped; `data` is base64. */
  | { readonly type: "attachImage"; readonly name: string; readonly data: string }
  /** What was dropped from elsewhere in the editor. */
  | { readonly type: "attachUris"; readonly uris: readonly string[] }
  /** The person wants to choose an image. */
  | { readonly type: "chooseImage" }
  | { readonly type: "image"; readonly key: string; readonly context: Extract<Context, { kind: "image" }> }
  | { readonly type: "openImage"; readonly context: Extract<Context, { kind: "image" }> }
  | { readonly type: "copy" | "insert"; readonly text: string }
  | { readonly type: "openDocument"; readonly messageId: string }
  | { readonly type: "openPlace"; readonly uri: string; readonly line?: number; readonly endLine?: number }
  | { readonly type: "openLink"; readonly href: string }
  | { readonly type: "finding"; readonly findingId: string; readonly act: FindingAct }
  /** `path`: the number of the part in its message, and of the part in that one. */
  | { readonly type: "showChanges"; readonly messageId: string; readonly path: readonly number[] };

/** What a page says: `page` is the token that it was made with. */
export type FromPage = FromView & { readonly page: string };

/** What the webview keeps of itself across reloads of the window. */
export interface Kept {
  readonly sessionId: string;
  /** What was last sent from here. */
  readonly sent?: string;
}
