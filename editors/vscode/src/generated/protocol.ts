// Generated from docs/protocol.schema.json by `npm run generate`. Do not edit.

export type Part = TextPart | ReasoningPart | ToolPart | FindingPart | EditPart | PlanPart;
export type Context =
  SelectionContext | FileContext | DiagnosticsContext | SymbolContext | DiffContext | TextContext | SessionContext | ImageContext;
export type Event =
  | Created
  | Renamed
  | MessageSent
  | MessageSteered
  | MessageWithdrawn
  | QueueOrdered
  | ReplyStarted
  | StepFinished
  | ToolCalled
  | ToolFinished
  | AgentWorked
  | ReplyNoticed
  | PermissionAsked
  | PermissionAnswered
  | FindingReported
  | FindingChanged
  | Edited
  | ChangesReverted
  | CancelAsked
  | ReplyFinished
  | AgentSwitched
  | Paused
  | Resumed
  | BudgetChanged
  | Spent
  | Forked
  | Compacted
  | Archived
  | Unarchived
  | Shared
  | Unshared
  | ParticipantJoined
  | ParticipantLeft
  | HandedOver;

/**
 * An agent in a list. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be invoked,
 * and `notice` says what in its file was ignored or read differently.
 */
export interface Agent {
  name: string;
  description: string;
  model: string;
  tools: string[];
  source: string;
  runtime: 'litellm' | 'acp';
  trusted: boolean;
  available: boolean;
  problem?: string;
  notice?: string;
  color?: string;
  codeAction?: boolean;
}
/**
 * Who wrote a reply: the agent, the model it used, and the sha256 of the definition it ran with.
 */
export interface AgentAuthor {
  agent: string;
  model: string;
  definition: string;
}
/**
 * `installable` are known external agents that are not installed on this machine; absent if there are none.
 */
export interface AgentList {
  agents: Agent[];
  default: string;
  installable?: InstallableAgent[];
}
/**
 * A known external agent that is not installed on this machine. `install` is the command to install it.
 */
export interface InstallableAgent {
  name: string;
  title: string;
  install: string;
}
export interface AgentListParams {
  workspaceFolder?: string;
}
/**
 * `from` is the previous default agent.
 */
export interface AgentSwitched {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'agentSwitched';
  agent: string;
  model?: string;
  from: string;
}
/**
 * A person (or program) that takes part in a session.
 */
export interface Participant {
  id: string;
  name: string;
  email?: string;
}
export interface ByAgent {
  agent: string;
}
/**
 * An agent that another agent asked made progress: these are its `parts` from index `index` on. `path` leads to the call that
 * asked it: the indexes of the enclosing calls, then that of the call itself. With an empty `path`, a part of an external
 * agent's own reply changed (its plan, an updated call). `usage` and `steps` are totals of the whole reply.
 */
export interface AgentWorked {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'agentWorked';
  messageId: string;
  path: number[];
  index: number;
  parts: Part[];
  usage?: Usage;
  steps?: number;
}
export interface TextPart {
  kind: 'text';
  text: string;
}
export interface ReasoningPart {
  kind: 'reasoning';
  text: string;
}
/**
 * A tool call. `result` is the tool's result for the agent, cut to a maximum size. `title` is an external agent's own
 * description of the call.
 *
 * `parts` is the work of an agent that this call asked. The model requested calls with the same `step` together. `unreadable` is
 * the beginning of the model's arguments if they are not a JSON object: such a call fails, and its `arguments` are empty.
 */
export interface ToolPart {
  kind: 'tool';
  callId: string;
  name: string;
  title?: string;
  arguments: {
    [k: string]: unknown;
  };
  status: 'waiting' | 'running' | 'done' | 'failed' | 'denied';
  result?: string;
  step?: number;
  parts?: Part[];
  unreadable?: string;
}
export interface FindingPart {
  kind: 'finding';
  finding: Finding;
}
/**
 * A result of a review at a range of a file. `severity` is as in LSP: 1 error … 4 hint.
 *
 * `help` is the URL of a page about the rule. `reason` says why it is `fixed` or `dismissed`.
 */
export interface Finding {
  id: string;
  uri: string;
  range: Range;
  severity: 1 | 2 | 3 | 4;
  title: string;
  body: string;
  rule?: string;
  suggestion?: string;
  state: 'open' | 'fixed' | 'dismissed';
  reason?: string;
  help?: string;
  anchor?: Anchor;
  sessionId: string;
  agent: string;
  messageId: string;
}
/**
 * From `start` up to but not including `end`.
 */
export interface Range {
  start: Position;
  end: Position;
}
/**
 * A position between two characters: zero-based line, and character in units of the negotiated encoding.
 */
export interface Position {
  line: number;
  character: number;
}
/**
 * The original code that a finding is about: the lines of its range (`quote`), and some lines before and after.
 *
 * It is used to find the range again after edits (see `anchors.py`). `start` and `end` are the offsets of the range in the first
 * and the last line, in code points; without `end` the range ends at the end of the line.
 */
export interface Anchor {
  quote: string;
  before: string;
  after: string;
  start: number;
  end?: number;
}
/**
 * An edit of one document, applied or only proposed.
 *
 * `patch` is a unified diff of the change, with LF line ends; absent if the file is not text or the diff is very long.
 */
export interface EditPart {
  kind: 'edit';
  uri: string;
  summary: string;
  applied: boolean;
  patch?: string;
}
/**
 * The newest plan of an external agent in this reply.
 */
export interface PlanPart {
  kind: 'plan';
  entries: PlanEntry[];
}
/**
 * One entry of an agent's plan, with its status.
 */
export interface PlanEntry {
  content: string;
  status: 'pending' | 'inProgress' | 'completed';
  priority?: 'high' | 'medium' | 'low';
}
/**
 * Tokens and cost. `cost` is in US dollars, and absent if it is not known.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cachedTokens?: number;
  cost?: number;
}
/**
 * `requestId` may be left out where one question is open.
 */
export interface AnswerParams {
  sessionId: string;
  requestId?: string;
  decision: 'once' | 'session' | 'deny';
}
/**
 * A tool call with its `result` for the model, also if the call was not made.
 */
export interface AnsweredCall {
  callId: string;
  name: string;
  arguments: {
    [k: string]: unknown;
  };
  result: string;
}
export interface Archived {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'archived';
}
/**
 * `budget` is in US dollars. Without it, the budget was removed.
 */
export interface BudgetChanged {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'budgetChanged';
  budget?: number;
}
/**
 * Somebody asked to cancel the current reply. The process that writes it ends it at once.
 */
export interface CancelAsked {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'cancelAsked';
  messageId: string;
}
/**
 * Lines of a file that agents changed, and their state: `applied`, `reverted` (the lines are as before), or `overwritten`
 * (somebody changed the same lines later, so this cannot be reverted). `line` is their current line (zero-based). `patch` has
 * the removed and added lines; absent if it is very long.
 */
export interface ChangeHunk {
  id: string;
  state: 'applied' | 'reverted' | 'overwritten';
  added: number;
  removed: number;
  line?: number;
  patch?: string;
}
/**
 * `commands` are the newest commands that ran. Their changes are not among the `files`.
 */
export interface ChangeList {
  files: FileChange[];
  reverts?: RevertDone[];
  commands?: CommandRun[];
}
/**
 * The changes that agents made to a file in the replies `messageIds`. `state` is the state of all hunks, or `partly` if they
 * differ; absent if it is not known, and then `notice` says why. `before` is the text without the applied changes, if requested;
 * absent if the file did not exist before.
 */
export interface FileChange {
  uri: string;
  kind: 'edited' | 'created' | 'deleted';
  state?: 'applied' | 'reverted' | 'partly' | 'overwritten';
  added: number;
  removed: number;
  hunks: ChangeHunk[];
  messageIds: string[];
  before?: string;
  notice?: string;
}
/**
 * Changes that somebody reverted (see the event `changesReverted`).
 */
export interface RevertDone {
  revertId: string;
  at: string;
  by?: Participant;
  messageId?: string;
  since?: string;
  of?: string;
  uris: string[];
}
/**
 * A command, or a call of an MCP server's tool, whose changes are unknown and cannot be reverted.
 */
export interface CommandRun {
  messageId: string;
  tool: string;
  summary: string;
}
/**
 * One of `messageId`, `since` and `revertId`, or none of them for the whole session.
 */
export interface ChangeListParams {
  sessionId: string;
  messageId?: string;
  since?: string;
  revertId?: string;
  texts?: boolean;
}
/**
 * As for `change/list`. `hunk` is the `id` of one of the file's hunks, and needs `uri`.
 */
export interface ChangeRevertParams {
  sessionId: string;
  messageId?: string;
  since?: string;
  revertId?: string;
  uri?: string;
  hunk?: string;
}
/**
 * A participant reverted changes of agents to these files: those of the reply `messageId`, those since the message `since`,
 * or an earlier revert (`of`). It can itself be reverted, by its `revertId`.
 */
export interface ChangesReverted {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'changesReverted';
  revertId: string;
  messageId?: string;
  since?: string;
  of?: string;
  files: RevertedFile[];
}
/**
 * The effect of a revert on one file. `patch` is absent if it is very long.
 */
export interface RevertedFile {
  uri: string;
  patch?: string;
}
export interface CommentParams {
  sessionId: string;
  text: string;
  /**
   * @maxItems 200
   */
  context?: Context[];
}
export interface SelectionContext {
  uri: string;
  version?: number;
  dirty?: boolean;
  sha256?: string;
  language?: string;
  notice?: string;
  kind: 'selection';
  range: Range;
  text?: string;
}
export interface FileContext {
  uri: string;
  version?: number;
  dirty?: boolean;
  sha256?: string;
  language?: string;
  notice?: string;
  kind: 'file';
  text?: string;
}
/**
 * `diagnostics` are unchanged `Diagnostic` objects of LSP; `lines` are the lines at which they are.
 */
export interface DiagnosticsContext {
  uri: string;
  version?: number;
  dirty?: boolean;
  sha256?: string;
  language?: string;
  notice?: string;
  kind: 'diagnostics';
  range?: Range;
  diagnostics?: {
    [k: string]: unknown;
  }[];
  lines?: SourceLine[];
}
/**
 * A line of a document: its zero-based number and its text without the line end.
 */
export interface SourceLine {
  number: number;
  text: string;
}
export interface SymbolContext {
  uri: string;
  version?: number;
  dirty?: boolean;
  sha256?: string;
  language?: string;
  notice?: string;
  kind: 'symbol';
  name: string;
  range?: Range;
  text?: string;
}
/**
 * The changes of the working tree since `base` (a git revision; the default is `HEAD`). `staged`: only staged changes.
 */
export interface DiffContext {
  kind: 'diff';
  base?: string;
  staged?: boolean;
  text?: string;
  notice?: string;
}
export interface TextContext {
  kind: 'text';
  title: string;
  text: string;
  notice?: string;
}
/**
 * The messages of another session of the same folders when this message was sent, or only one of its messages.
 *
 * `title` is its title at that time. If it is too long, the oldest messages are left out, and `notice` says so.
 */
export interface SessionContext {
  kind: 'session';
  sessionId: string;
  messageId?: string;
  title?: string;
  text?: string;
  notice?: string;
}
/**
 * An image: a PNG, JPEG, WebP or GIF of at most 5 MiB. Send the `uri` of a file, or its bytes in base64 as `data`, with a
 * `title`, or the `sha256` of an image that the session already has.
 *
 * Stored images have no `data`: `context/image` returns the bytes. `mimeType`, `size` (bytes), `width` and `height`
 * (pixels) are read from the bytes.
 */
export interface ImageContext {
  kind: 'image';
  uri?: string;
  data?: string;
  mimeType?: string;
  title?: string;
  sha256?: string;
  size?: number;
  width?: number;
  height?: number;
  notice?: string;
}
/**
 * For the model, `summary` replaces all messages up to and including place `through`. The log keeps everything.
 */
export interface Compacted {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'compacted';
  throughSeq: number;
  through: number;
  summary: string;
  usage?: Usage;
}
export interface CreateParams {
  title?: string;
  agent?: string;
  model?: string;
  workspaceFolder?: string;
  budget?: number;
}
/**
 * The new session. `identities` extend its scope beyond its `workspaceFolders` (see scope.py).
 *
 * `placed` is the number of messages that a fork shares with its parent.
 */
export interface Created {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'created';
  session: Session;
  identities: string[];
  placed: number;
}
/**
 * A session. `agent` is its default agent, and `model` the model that this agent uses here instead of its own.
 *
 * `participants` are all who ever took part; `present` are those who have it open now, absent if there are none. `needs` is what
 * waits for a participant, absent if nothing does. `stopped` says how the newest reply stopped, if `session/resume` would
 * continue it; absent while the session is archived.
 * `asking` are the open permission requests, oldest first; absent if there are none. `budget` is how many US dollars all models
 * may cost in this session: once `usage.cost` reaches it, the session is paused before the next request to a model, with
 * `pauseReason` "budget". Without `pauseReason` somebody paused it.
 * `people` have access to it, if the database knows who they are. Without it, everybody who can open the database owns it.
 */
export interface Session {
  id: string;
  title: string;
  state: 'active' | 'paused' | 'archived';
  pauseReason?: 'budget';
  replying: boolean;
  queued: number;
  stopped?: 'paused' | 'interrupted' | 'failed';
  asking?: OpenQuestion[];
  agent: string;
  model?: string;
  workspaceFolders: string[];
  parent?: ParentRef;
  participants: Participant[];
  present?: Participant[];
  needs?: Need[];
  people?: Person[];
  usage: Usage;
  budget?: number;
  seq: number;
  messageCount: number;
  createdAt: string;
  updatedAt: string;
}
/**
 * An open permission request, for which the reply `message_id` waits.
 *
 * `summary` is one line, `detail` shows everything (a command, a patch), `scope` is what "allow for this session" covers.
 * `agent` is the agent that asks: the one that writes the reply, or one that it asked. `at` is the time.
 */
export interface OpenQuestion {
  requestId: string;
  messageId: string;
  agent: string;
  tool: string;
  summary: string;
  detail?: string;
  risk: 'read' | 'write' | 'execute' | 'network';
  scope?: string;
  at: string;
}
/**
 * The point where a fork left its parent: it shares the parent's events up to and including `seq`.
 */
export interface ParentRef {
  sessionId: string;
  seq: number;
  messageId?: string;
}
/**
 * Something that waits for one participant, until they do something in the session.
 *
 * `handOver`: `by` handed the session over to them, with a `note`; `waiting` describes what was waiting at that time.
 * `mention`: the message `messageId` mentions them, and `note` is its beginning. Opening the session settles a mention.
 */
export interface Need {
  kind: 'handOver' | 'mention';
  participant: Participant;
  by: Participant;
  messageId?: string;
  note?: string;
  waiting?: string[];
  at: string;
}
/**
 * A participant's role in a session. The id `team` means everybody who can log in to the database.
 */
export interface Person {
  id: string;
  role: 'reader' | 'commenter' | 'writer' | 'owner';
  name?: string;
}
/**
 * `offset` counts code points from the start of that part's text.
 */
export interface DeltaParams {
  sessionId: string;
  messageId: string;
  part: number;
  kind: 'text' | 'reasoning';
  offset: number;
  text: string;
}
/**
 * `patch` as in the part that this event adds to its message.
 */
export interface Edited {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'edited';
  messageId: string;
  uri: string;
  summary: string;
  applied: boolean;
  patch?: string;
}
/**
 * No fields.
 */
export type Empty = Record<string, never>;
export interface Renamed {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'renamed';
  title: string;
}
export interface MessageSent {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'messageSent';
  message: Message;
}
/**
 * One entry in a session, by a participant or by an agent.
 *
 * `seq` is the number of the event that added it to the session. `replyTo` is the id of the message that a reply answers. A
 * participant's message is `complete` as soon as its reply has ended in any way. `stopReason` says why the model ended a
 * `complete` reply: `stop`, it was done; `length`, it reached its limit of output tokens; `content_filter`, the provider
 * withheld the rest; `refusal`, it declined; `error`, the provider failed; `unknown`, the provider did not say; `empty`, it
 * gave no answer. `steps` counts the steps of a reply, including those of agents that its agent asked. `notices` tell people
 * about problems: servers that did not start, tools that cannot be used. `mentions` are the ids of the
 * participants whom it notifies; without an `agent` such a message is only for people, and gets no reply.
 */
export interface Message {
  id: string;
  sessionId: string;
  seq: number;
  role: 'participant' | 'agent';
  author: Participant | AgentAuthor;
  agent?: string;
  model?: string;
  replyTo?: string;
  parts: Part[];
  context?: Context[];
  status: 'queued' | 'replying' | 'complete' | 'paused' | 'interrupted' | 'cancelled' | 'failed';
  delivery?: 'steer';
  steered?: Steered;
  usage?: Usage;
  steps?: number;
  error?: MessageError;
  stopReason?: ('stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'error' | 'unknown') | 'empty';
  mentions?: string[];
  notices?: string[];
  createdAt: string;
  finishedAt?: string;
}
/**
 * A message that steered a reply: its id, and the index of the part before which the reply received it.
 */
export interface Steered {
  messageId: string;
  part: number;
}
/**
 * Why a reply failed: an error kind of the protocol, a message that says what is wrong, and a hint what to do. `reason` is
 * the reason of `modelUnavailable`.
 */
export interface MessageError {
  kind: string;
  message: string;
  hint?: string;
  reason?: string;
}
/**
 * The reply being written received a queued message, before the part with index `part`.
 */
export interface MessageSteered {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'messageSteered';
  messageId: string;
  replyId: string;
  part: number;
}
/**
 * A queued message was withdrawn: it is not in the session any more and gets no reply.
 */
export interface MessageWithdrawn {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'messageWithdrawn';
  messageId: string;
}
/**
 * `messageIds` are all queued messages in their new order. `now` is the message to answer now: it gets a separate reply, even
 * if it was sent to steer the current one.
 */
export interface QueueOrdered {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'queueOrdered';
  messageIds: string[];
  now?: string;
}
/**
 * A reply starts, or continues after a pause, an interruption or a failure. `definition` is the definition's sha256.
 */
export interface ReplyStarted {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'replyStarted';
  messageId: string;
  replyTo: string;
  agent: string;
  model: string;
  definition: string;
}
/**
 * A step of the model ended.
 *
 * `parts` are the new parts, from index `index` on; `usage` and `steps` are totals of the reply.
 */
export interface StepFinished {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'stepFinished';
  messageId: string;
  index: number;
  parts: Part[];
  usage?: Usage;
  steps?: number;
}
/**
 * A tool starts. `index` is the index of the part in its message.
 */
export interface ToolCalled {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'toolCalled';
  messageId: string;
  index: number;
  part: ToolPart;
}
export interface ToolFinished {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'toolFinished';
  messageId: string;
  index: number;
  part: ToolPart;
}
/**
 * The reply got notices; `notices` as in its message.
 */
export interface ReplyNoticed {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'replyNoticed';
  messageId: string;
  notices: string[];
}
/**
 * A tool needs permission to continue. `scope` is what an answer for the whole session covers, in replies to messages of the
 * participant who gives it. If it is empty, such an answer covers nothing else.
 */
export interface PermissionAsked {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'permissionAsked';
  requestId: string;
  messageId: string;
  tool: string;
  summary: string;
  risk: 'read' | 'write' | 'execute' | 'network';
  detail?: string;
  scope: string;
}
export interface PermissionAnswered {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'permissionAnswered';
  requestId: string;
  decision: 'once' | 'session' | 'deny';
}
export interface FindingReported {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'findingReported';
  finding: Finding;
}
export interface FindingChanged {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'findingChanged';
  findingId: string;
  state: 'open' | 'fixed' | 'dismissed';
  reason?: string;
}
/**
 * A reply ended or stopped; `message` is the whole reply, with its status.
 */
export interface ReplyFinished {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'replyFinished';
  message: Message;
}
/**
 * `reason`: the session's budget is used up. Without a reason, `by` paused it.
 */
export interface Paused {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'paused';
  reason?: 'budget';
}
export interface Resumed {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'resumed';
}
/**
 * Usage of models outside a reply that had no result.
 */
export interface Spent {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'spent';
  usage: Usage;
}
export interface Forked {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'forked';
  childId: string;
}
/**
 * The session was unarchived: `state` and `stopped` are as before it was archived.
 */
export interface Unarchived {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'unarchived';
  state: 'active' | 'paused';
  stopped?: 'paused' | 'interrupted' | 'failed';
}
/**
 * A person has this role in the session from now on, instead of their earlier one.
 */
export interface Shared {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'shared';
  person: Person;
}
/**
 * The role of `personId` (a participant's id or `team`) in the session was removed.
 */
export interface Unshared {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'unshared';
  personId: string;
}
export interface ParticipantJoined {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'participantJoined';
  participant: Participant;
}
export interface ParticipantLeft {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'participantLeft';
  participantId: string;
}
/**
 * `by` handed the session over to a participant (see `Need`).
 */
export interface HandedOver {
  sessionId: string;
  seq: number;
  at: string;
  by?: Participant | ByAgent;
  kind: 'handedOver';
  to: Participant;
  note?: string;
  waiting?: string[];
}
/**
 * A participant's message and the reply to it; absent if the message mentions people and names no agent.
 */
export interface Exchange {
  message: Message;
  reply?: Message;
}
/**
 * The message that results from a prompt file, and the agent that it names.
 */
export interface ExpandedPrompt {
  text: string;
  agent?: string;
}
/**
 * `content` is absent if the export was written to a file. `masked` is how many keys and tokens are masked in it.
 */
export interface Export {
  content?: string;
  masked: number;
}
/**
 * `uri` is the file to write; without it the export is the answer. `unmasked`: keys and tokens stay as they are.
 */
export interface ExportParams {
  sessionId: string;
  format: 'markdown' | 'json' | 'html';
  unmasked?: boolean;
  uri?: string;
}
export interface FindingList {
  findings: Finding[];
  nextCursor?: string;
}
export interface FindingListParams {
  sessionId?: string;
  uri?: string;
  state?: 'open' | 'fixed' | 'dismissed';
  cursor?: string;
}
export interface FindingUpdateParams {
  findingId: string;
  state: 'open' | 'fixed' | 'dismissed';
  reason?: string;
}
export interface ForkParams {
  sessionId: string;
  at?: string;
  title?: string;
  agent?: string;
}
/**
 * `to` is the id, the name or the e-mail address of a participant of the session.
 */
export interface HandOverParams {
  sessionId: string;
  to: string;
  note?: string;
}
export interface History {
  messages: Message[];
  more: boolean;
}
export interface HistoryParams {
  sessionId: string;
  before?: string;
  limit?: number;
}
export interface Hit {
  session: Session;
  messageId: string;
  snippet: string;
}
/**
 * An image of a message. `data` are its bytes in base64, `size` is their number; `width` and `height` are in pixels.
 */
export interface Image {
  sha256: string;
  mimeType: string;
  size: number;
  width: number;
  height: number;
  data: string;
}
/**
 * `sha256` is that of the context of a message in the session.
 */
export interface ImageParams {
  sessionId: string;
  sha256: string;
}
/**
 * A permanent permission of the person on this machine: for calls of `tool` that `scope` covers, in sessions of `folder`
 * (absent: in all sessions). Like an answer for a session, it is only valid for replies to their own messages.
 */
export interface KeptPermission {
  id: string;
  tool: string;
  risk: 'read' | 'write' | 'execute' | 'network';
  scope: string;
  folder?: string;
  createdAt: string;
}
export interface KeptPermissionList {
  permissions: KeptPermission[];
}
/**
 * Data that a provider expects back together with a model's message, in the provider's own format.
 */
export interface KeptReasoning {
  provider: string;
  data: unknown;
}
export interface ListParams {
  workspaceFolder?: string;
  state?: 'active' | 'paused' | 'archived';
  query?: string;
  limit?: number;
  cursor?: string;
}
export interface MessageParams {
  sessionId: string;
  text: string;
  agent?: string;
  model?: string;
  /**
   * @maxItems 200
   */
  context?: Context[];
  delivery?: 'queue' | 'steer';
  replaces?: string;
  workDoneToken?: number | string;
  partialResultToken?: number | string;
}
/**
 * A tool call that a model requests.
 */
export interface ModelCall {
  callId: string;
  name: string;
  arguments: {
    [k: string]: unknown;
  };
}
/**
 * A model, and the reason if it is not available. `contextWindow` is in tokens. `images`: if known, whether it
 * accepts images.
 */
export interface ModelInfo {
  name: string;
  provider: string;
  available: boolean;
  problem?: string;
  contextWindow?: number;
  images?: boolean;
  default?: boolean;
}
export interface ModelList {
  models: ModelInfo[];
}
/**
 * A message for a model outside of any session: of the participant, or an earlier one of the model with its tool calls and
 * its `reasoning`.
 */
export interface ModelMessage {
  role: 'participant' | 'agent';
  text?: string;
  /**
   * @maxItems 500
   */
  calls?: AnsweredCall[];
  reasoning?: KeptReasoning;
}
/**
 * A model's reply outside of any session. `stopReason` is why it ended (see `Message`). Some providers refuse the result of a
 * tool call without the `reasoning` that led to it: send it back unchanged with the message.
 */
export interface ModelReply {
  text: string;
  model: string;
  calls?: ModelCall[];
  reasoning?: KeptReasoning;
  usage?: Usage;
  stopReason?: ('stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'error' | 'unknown') | 'empty';
}
/**
 * `tools` are those that the asker can call; with `mustCall` the model is to ask for one of them.
 */
export interface ModelReplyParams {
  model?: string;
  instructions?: string;
  /**
   * @minItems 1
   * @maxItems 2000
   */
  messages: [ModelMessage, ...ModelMessage[]];
  /**
   * @maxItems 500
   */
  tools?: ModelTool[];
  mustCall?: boolean;
  partialResultToken?: number | string;
}
/**
 * A tool that the caller offers. `schema` is the JSON Schema of its arguments.
 */
export interface ModelTool {
  name: string;
  description?: string;
  schema?: {
    [k: string]: unknown;
  };
}
export interface OpenParams {
  sessionId: string;
  limit?: number;
  after?: number;
}
/**
 * A session with its newest messages, oldest first. `more`: there are older messages.
 *
 * `events` are the events after the requested number. They are absent if they would take more than a few megabytes: then use the
 * messages instead.
 */
export interface Opened {
  session: Session;
  messages: Message[];
  more: boolean;
  participants: Participant[];
  seq: number;
  events?: (
    | Created
    | Renamed
    | MessageSent
    | MessageSteered
    | MessageWithdrawn
    | QueueOrdered
    | ReplyStarted
    | StepFinished
    | ToolCalled
    | ToolFinished
    | AgentWorked
    | ReplyNoticed
    | PermissionAsked
    | PermissionAnswered
    | FindingReported
    | FindingChanged
    | Edited
    | ChangesReverted
    | CancelAsked
    | ReplyFinished
    | AgentSwitched
    | Paused
    | Resumed
    | BudgetChanged
    | Spent
    | Forked
    | Compacted
    | Archived
    | Unarchived
    | Shared
    | Unshared
    | ParticipantJoined
    | ParticipantLeft
    | HandedOver
  )[];
}
/**
 * The people with access to a session, and the `role` of the participant who asks. `known` are the people that it can be
 * shared with.
 *
 * `notice` explains access if the database has no logins. `secrets`, if it was asked for, is how many keys, tokens and passwords
 * whoever may read the session sees in it.
 */
export interface People {
  people: Person[];
  role: 'reader' | 'commenter' | 'writer' | 'owner';
  known: Participant[];
  notice?: string;
  secrets?: number;
}
/**
 * `secrets`: also count the keys and tokens in the session. That reads all of it.
 */
export interface PeopleParams {
  sessionId: string;
  secrets?: boolean;
}
export interface PermissionDecision {
  decision: 'once' | 'session' | 'deny';
}
/**
 * `everywhere`: in sessions of all folders, not of the session's own alone.
 */
export interface PermissionKeepParams {
  sessionId: string;
  requestId: string;
  everywhere?: boolean;
}
/**
 * `messageId` is the reply that waits. `scope` is what "allow for this session" covers, in replies to messages of whoever
 * says so.
 */
export interface PermissionParams {
  sessionId: string;
  messageId: string;
  requestId: string;
  agent: string;
  tool: string;
  summary: string;
  detail?: string;
  risk: 'read' | 'write' | 'execute' | 'network';
  scope: string;
}
export interface PermissionRemoveParams {
  permissionId: string;
}
/**
 * `arguments` as a person writes them behind the name.
 */
export interface PromptExpandParams {
  name: string;
  arguments?: string;
}
/**
 * A reusable message. `arguments` describes its arguments, if it has any. `agent` answers the message (default: the session's
 * agent). With a `problem` it cannot be used.
 */
export interface PromptFile {
  name: string;
  source: string;
  description: string;
  arguments?: string;
  agent?: string;
  problem?: string;
}
export interface PromptFileList {
  prompts: PromptFile[];
}
export interface QuestionList {
  questions: SessionQuestion[];
}
/**
 * An open permission request and its session.
 */
export interface SessionQuestion {
  sessionId: string;
  title: string;
  question: OpenQuestion;
}
export interface QuestionListParams {
  sessionId?: string;
  workspaceFolder?: string;
}
export interface RenameParams {
  sessionId: string;
  title: string;
}
export interface ReorderParams {
  sessionId: string;
  /**
   * @minItems 1
   * @maxItems 500
   */
  messageIds: [string, ...string[]];
}
/**
 * `uris` are the files that were changed. `notices` say which files turned out differently or are not saved.
 */
export interface Reverted {
  revertId: string;
  uris: string[];
  notices?: string[];
}
/**
 * `uris` are those of the documents to save; `versions` the numbers that they had when the agent's edit was in them.
 *
 * A document that has another number by now is not saved: a person may be typing there.
 */
export interface SaveParams {
  uris: string[];
  versions?: {
    [k: string]: number;
  };
}
/**
 * `saved` are the URIs of the documents that have no unsaved changes any more, spelled as they were asked for.
 */
export interface Saved {
  saved: string[];
}
export interface SearchParams {
  query: string;
  workspaceFolder?: string;
  limit?: number;
}
export interface SearchResult {
  hits: Hit[];
}
/**
 * The session as it is now, or the id of one that was deleted. `accessLost`: it is not deleted, but this login has no
 * access to it any more.
 */
export interface SessionChangedParams {
  session?: Session;
  deleted?: string;
  accessLost?: boolean;
}
/**
 * `you` is the participant who asks; the `needs` of each session include what waits for them.
 */
export interface SessionList {
  sessions: Session[];
  nextCursor?: string;
  you?: Participant;
}
export interface SessionParams {
  sessionId: string;
}
export interface SetBudgetParams {
  sessionId: string;
  budget: number | null;
}
/**
 * `with` is a participant's id (their login), the name of one who was here, or `team` for everybody who may log in to the
 * database.
 */
export interface ShareParams {
  sessionId: string;
  with: string;
  role: 'reader' | 'commenter' | 'writer' | 'owner';
}
/**
 * A skill in a list: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.
 *
 * `problem` is why no agent can read it. `notice` says what in it was ignored or read differently, or which other skill of the
 * same name it replaces.
 */
export interface Skill {
  name: string;
  description: string;
  source: string;
  trusted: boolean;
  available: boolean;
  problem?: string;
  notice?: string;
}
export interface SkillList {
  skills: Skill[];
}
export interface SwitchAgentParams {
  sessionId: string;
  agent: string;
  model?: string;
}
/**
 * `with` is a participant's id (their login) or name, or `team`.
 */
export interface UnshareParams {
  sessionId: string;
  with: string;
}
export interface WaitingMessageParams {
  sessionId: string;
  messageId: string;
}
/**
 * How much of its model's context window a session uses, in tokens. `used` is an estimate for instructions and messages,
 * without the descriptions of tools. At `summarisedAt`, older messages are summarised before the next reply. `summary` replaces
 * the first `summarised` messages, which the log keeps. `window` is absent if it is unknown, as for agents with their own model.
 */
export interface WindowUse {
  model: string;
  used: number;
  window?: number;
  summarisedAt?: number;
  summarised: number;
  summary?: string;
}

/** Requests to the server. */
export interface Requests {
  'session/create': { params: CreateParams; result: Session };
  'session/list': { params: ListParams; result: SessionList };
  'session/get': { params: SessionParams; result: Session };
  'session/open': { params: OpenParams; result: Opened };
  'session/close': { params: SessionParams; result: Empty };
  'session/history': { params: HistoryParams; result: History };
  'context/image': { params: ImageParams; result: Image };
  'session/message': { params: MessageParams; result: Exchange };
  'session/comment': { params: CommentParams; result: Message };
  'session/cancel': { params: SessionParams; result: Session };
  'session/withdraw': { params: WaitingMessageParams; result: Session };
  'session/sendNow': { params: WaitingMessageParams; result: Session };
  'session/reorder': { params: ReorderParams; result: Session };
  'session/switchAgent': { params: SwitchAgentParams; result: Session };
  'session/pause': { params: SessionParams; result: Session };
  'session/resume': { params: SessionParams; result: Session };
  'session/fork': { params: ForkParams; result: Session };
  'session/rename': { params: RenameParams; result: Session };
  'session/handOver': { params: HandOverParams; result: Session };
  'session/setBudget': { params: SetBudgetParams; result: Session };
  'session/archive': { params: SessionParams; result: Session };
  'session/unarchive': { params: SessionParams; result: Session };
  'session/delete': { params: SessionParams; result: Empty };
  'session/share': { params: ShareParams; result: Session };
  'session/unshare': { params: UnshareParams; result: Session };
  'session/people': { params: PeopleParams; result: People };
  'session/search': { params: SearchParams; result: SearchResult };
  'session/export': { params: ExportParams; result: Export };
  'session/compact': { params: SessionParams; result: Session };
  'session/window': { params: SessionParams; result: WindowUse };
  'session/answer': { params: AnswerParams; result: Empty };
  'permission/keep': { params: PermissionKeepParams; result: KeptPermission };
  'permission/list': { params: Empty; result: KeptPermissionList };
  'permission/remove': { params: PermissionRemoveParams; result: Empty };
  'session/questions': { params: QuestionListParams; result: QuestionList };
  'change/list': { params: ChangeListParams; result: ChangeList };
  'change/revert': { params: ChangeRevertParams; result: Reverted };
  'finding/list': { params: FindingListParams; result: FindingList };
  'finding/update': { params: FindingUpdateParams; result: Finding };
  'agent/list': { params: AgentListParams; result: AgentList };
  'skill/list': { params: Empty; result: SkillList };
  'prompt/list': { params: Empty; result: PromptFileList };
  'prompt/expand': { params: PromptExpandParams; result: ExpandedPrompt };
  'model/list': { params: Empty; result: ModelList };
  'model/reply': { params: ModelReplyParams; result: ModelReply };
}

/** Notifications from the server. */
export interface Notifications {
  'session/event': { params: Event };
  'session/delta': { params: DeltaParams };
  'session/changed': { params: SessionChangedParams };
  'agent/changed': { params: Empty };
}

/** Requests from the server. */
export interface ServerRequests {
  'document/save': { params: SaveParams; result: Saved };
  'session/requestPermission': { params: PermissionParams; result: PermissionDecision };
}
