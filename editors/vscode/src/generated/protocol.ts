// Generated from docs/protocol.schema.json by `npm run generate`. Do not edit.

export type Part = TextPart | ReasoningPart | ToolPart | FindingPart | EditPart | PlanPart;
export type Context =
  SelectionContext | FileContext | DiagnosticsContext | SymbolContext | DiffContext | TextContext | SessionContext;
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
  | ParticipantJoined
  | ParticipantLeft;

/**
 * An agent as lists show it. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be
 * invoked, `notice` what of its file was not read as it stands.
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
 * `installable` are the external agents that are known and not on this machine; absent where there is none.
 */
export interface AgentList {
  agents: Agent[];
  default: string;
  installable?: InstallableAgent[];
}
/**
 * An external agent that sessionls knows and that is not on this machine. `install` is the command that brings it.
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
 * `from` is the default agent until now.
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
 * An agent that was asked by another one went on: its `parts` from number `index` on are these. Of the parts of the message,
 * `path` leads to the call that asked it: the number of that call, behind those of the calls around it. An empty `path`: the
 * reply's own part, of an external agent, is another now (its plan, a call that says more). `usage` and `steps` are those of the
 * whole reply so far.
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
 * One call of a tool. `result` is what the agent was told, cut to a bounded size. `title` is what the call does, in the
 * words of an external agent, whose tools are its own.
 *
 * `parts` is the work of an agent that was asked by this call. Calls of one `step` were asked for together. `unreadable` is how
 * the model's arguments began, where no JSON object could be read from them: such a call fails, and its `arguments` are empty.
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
 * One result of a review, tied to a place in a file. `severity` is LSP's: 1 error … 4 hint.
 *
 * `help` is the address of a page about the rule. `reason` says why it is `fixed` or `dismissed`.
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
 * From `start` up to and without `end`.
 */
export interface Range {
  start: Position;
  end: Position;
}
/**
 * A place between two characters: zero-based line, and character in units of the negotiated encoding.
 */
export interface Position {
  line: number;
  character: number;
}
/**
 * The code that a finding is about, as it was: the lines of its range (`quote`), and some before and after.
 *
 * It finds the place again after edits (see `anchors.py`). `start` and `end` are where the range begins in the first of the
 * lines and ends in the last, in code points; without `end` it ends with the line.
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
 * `patch` is what it changed, as a unified diff with LF for every line end; left out where that is no text, or very long.
 */
export interface EditPart {
  kind: 'edit';
  uri: string;
  summary: string;
  applied: boolean;
  patch?: string;
}
/**
 * What an external agent means to do in this reply: the newest of its plans.
 */
export interface PlanPart {
  kind: 'plan';
  entries: PlanEntry[];
}
/**
 * One thing that an agent means to do, and how far it is.
 */
export interface PlanEntry {
  content: string;
  status: 'pending' | 'inProgress' | 'completed';
  priority?: 'high' | 'medium' | 'low';
}
/**
 * What was spent. `cost` is in US dollars, and left out where it is not known.
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
 * A call that was made, or was not: `result` says what the model is told of it.
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
 * `budget` is in US dollars; without it, the session has none any more.
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
 * Somebody asked to cancel the reply being written; the process that writes it ends it at once.
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
 * Lines of a file that agents changed, and whether that stands: `applied`, `reverted` (the file is as it was before), or
 * `overwritten` (somebody changed the same lines later, so it cannot be taken back). `line` is where it stands now (zero-based).
 * `patch` is what was taken out and put in; left out where it is very long.
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
 * `commands` are the newest that ran; what they changed is not among the `files`.
 */
export interface ChangeList {
  files: FileChange[];
  reverts?: RevertDone[];
  commands?: CommandRun[];
}
/**
 * What agents changed in a file, by the replies `messageIds`. `state` is that of all hunks, `partly` where they differ; left
 * out where it is not known, and `notice` says why. `before` is the text without the changes that stand, where it was asked
 * for; left out for a file that would not be there.
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
 * Changes that somebody took back (see the event `changesReverted`).
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
 * A command, or a call of a server's tool, whose changes are not known and cannot be taken back.
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
 * A participant took back what agents had changed in these files: in the reply `messageId`, or since the message `since`; or
 * what the revert `of` had done. It can be taken back itself, by its `revertId`.
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
 * What taking changes back did to one file. `patch` is left out where it is very long.
 */
export interface RevertedFile {
  uri: string;
  patch?: string;
}
/**
 * All messages up to and with place `through` stand in `summary` for the model. The log keeps everything.
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
 * `diagnostics` are LSP's `Diagnostic` objects, kept as they came; `lines` are the lines that they are on.
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
 * The changes of the working tree since `base` (a git revision; `HEAD` unless said). `staged`: only what is staged.
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
 * Another session of the same folders: what was said in it when the message was sent, or only in that message of it.
 *
 * `title` is its title then. What would be too much is left out, the oldest first, and `notice` says so.
 */
export interface SessionContext {
  kind: 'session';
  sessionId: string;
  messageId?: string;
  title?: string;
  text?: string;
  notice?: string;
}
export interface CreateParams {
  title?: string;
  agent?: string;
  model?: string;
  workspaceFolder?: string;
  budget?: number;
}
/**
 * The session as it began. `identities` say where it belongs beside its `workspaceFolders` (see scope.py).
 *
 * `placed` is how many messages of its parent a fork begins with.
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
 * The container for work. `agent` is its default agent, `model` the model that agent uses here in place of its own.
 *
 * `participants` are all who ever took part; `present` are those who have it open now, absent where nobody has.
 * `stopped` says how the newest reply stopped, while it has and `session/resume` would go on with it: not while it is archived.
 * `asking` are the questions for permission that wait for an answer, oldest first; absent where there is none.
 * `budget` is how many US dollars the models may cost here together: once `usage.cost` is as much, the session is paused before
 * the next request to a model, with `pauseReason` "budget". Without `pauseReason` somebody paused it.
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
  usage: Usage;
  budget?: number;
  seq: number;
  messageCount: number;
  createdAt: string;
  updatedAt: string;
}
/**
 * A question for permission that nobody has answered yet: the reply `message_id` waits for it.
 *
 * `summary` is one line, `detail` shows all of it (a command, a patch), `scope` is what "allow for this session" covers.
 * `agent` asks: the one that writes the reply, or one that it asked. `at` is when.
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
 * Where a fork left its parent: it holds the parent's events up to and with `seq`.
 */
export interface ParentRef {
  sessionId: string;
  seq: number;
  messageId?: string;
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
 * `patch` as in the part that it adds to its message.
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
 * `seq` is the number of the event that brought it into the session. `replyTo` ties a reply to its message. A
 * participant's message is `complete` as soon as its reply has ended in any way. `stopReason` says why the model ended a reply
 * that is `complete`: `stop`, it was done; `length`, it reached its limit of output tokens; `content_filter`, its provider
 * held the rest back; `refusal`, it declined; `error`, its provider broke off; `unknown`, its provider did not say; `empty`, it
 * gave no answer. `steps` counts the steps of a reply, those of the agents included that its agent asked. `notices` say, in
 * words for a person, what the reply had to do without: servers that did not start, tools that cannot be used.
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
  notices?: string[];
  createdAt: string;
  finishedAt?: string;
}
/**
 * A message that was handed to a reply being written: which one, and before which of its parts it came.
 */
export interface Steered {
  messageId: string;
  part: number;
}
/**
 * Why a reply failed: an error kind of the protocol, words that say what is wrong, and what to do about it. `reason` is that
 * of `modelUnavailable`.
 */
export interface MessageError {
  kind: string;
  message: string;
  hint?: string;
  reason?: string;
}
/**
 * A waiting message was handed to the reply being written, before that reply's part number `part`.
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
 * A waiting message was taken back: it is not in the session any more, and gets no reply.
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
 * `messageIds` are all waiting messages, in the order in which they are answered now. `now` is the one that was sent now: it
 * gets a reply of its own, even if it was to steer the one being written.
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
 * A reply begins, or goes on after a pause, an interruption or a failure. `definition` is its definition's sha256.
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
 * One step of the model ended: the parts it added, from number `index` on, and what the reply has used so far, in
 * how many steps.
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
 * A tool starts. `index` is the number of the part in its message.
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
 * What the reply has to do without became known: `notices` as in its message.
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
 * A tool may not go on without a yes. `scope` is what a yes for the whole session covers, in replies to messages of whoever
 * gives it; nothing where it is empty.
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
 * `reason`: the session's budget is used up; without one, `by` wanted it.
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
 * Models were used outside of a reply, and nothing came of it.
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
 * The session is back as it was: `state` and `stopped` are what they were before it was archived.
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
 * A participant's message and the reply to it.
 */
export interface Exchange {
  message: Message;
  reply: Message;
}
/**
 * `content` is left out where the export was written to a file.
 */
export interface Export {
  content?: string;
}
/**
 * `uri` is the file to write; without it the export is the answer.
 */
export interface ExportParams {
  sessionId: string;
  format: 'markdown' | 'json' | 'html';
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
 * What a provider wants to be handed back with a model's own message, in a form that only it reads.
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
 * A call that a model asks for.
 */
export interface ModelCall {
  callId: string;
  name: string;
  arguments: {
    [k: string]: unknown;
  };
}
/**
 * A model that could answer now, or why it cannot. `contextWindow` is in tokens.
 */
export interface ModelInfo {
  name: string;
  provider: string;
  available: boolean;
  problem?: string;
  contextWindow?: number;
  default?: boolean;
}
export interface ModelList {
  models: ModelInfo[];
}
/**
 * What a model is told outside of any session: the participant's words, or its own earlier ones with its calls. `reasoning`
 * is what came with those.
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
 * What a model answered outside of any session. `model` is the one that did, `stopReason` why it ended (see `Message`).
 * Some providers refuse the result of a call without the `reasoning` that led to it: send it back, as it is, with the message.
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
 * A tool that the asker can call. `schema` is the JSON Schema of its arguments.
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
 * A session as it was found: its newest messages, oldest first; `more`: there are older ones.
 *
 * `events` are those after the number asked for. They are left out where they would be more than a few megabytes: then the
 * messages say where the session stands.
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
    | ParticipantJoined
    | ParticipantLeft
  )[];
}
export interface PermissionDecision {
  decision: 'once' | 'session' | 'deny';
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
export interface QuestionList {
  questions: SessionQuestion[];
}
/**
 * An open question for permission, and the session it is asked in.
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
 * `uris` are the files that were changed. `notices` say what came out otherwise, or is not saved.
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
 * One of the two: the session as it is now, or the id of one that was deleted.
 */
export interface SessionChangedParams {
  session?: Session;
  deleted?: string;
}
export interface SessionList {
  sessions: Session[];
  nextCursor?: string;
}
export interface SessionParams {
  sessionId: string;
}
export interface SetBudgetParams {
  sessionId: string;
  budget: number | null;
}
/**
 * A skill as lists show it: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.
 *
 * `problem` is why no agent can read it, `notice` what of it was not read as it stands, or which other skill of its name it
 * takes the place of.
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
export interface WaitingMessageParams {
  sessionId: string;
  messageId: string;
}

/** Requests to the server. */
export interface Requests {
  'session/create': { params: CreateParams; result: Session };
  'session/list': { params: ListParams; result: SessionList };
  'session/get': { params: SessionParams; result: Session };
  'session/open': { params: OpenParams; result: Opened };
  'session/close': { params: SessionParams; result: Empty };
  'session/history': { params: HistoryParams; result: History };
  'session/message': { params: MessageParams; result: Exchange };
  'session/cancel': { params: SessionParams; result: Session };
  'session/withdraw': { params: WaitingMessageParams; result: Session };
  'session/sendNow': { params: WaitingMessageParams; result: Session };
  'session/reorder': { params: ReorderParams; result: Session };
  'session/switchAgent': { params: SwitchAgentParams; result: Session };
  'session/pause': { params: SessionParams; result: Session };
  'session/resume': { params: SessionParams; result: Session };
  'session/fork': { params: ForkParams; result: Session };
  'session/rename': { params: RenameParams; result: Session };
  'session/setBudget': { params: SetBudgetParams; result: Session };
  'session/archive': { params: SessionParams; result: Session };
  'session/unarchive': { params: SessionParams; result: Session };
  'session/delete': { params: SessionParams; result: Empty };
  'session/search': { params: SearchParams; result: SearchResult };
  'session/export': { params: ExportParams; result: Export };
  'session/compact': { params: SessionParams; result: Session };
  'session/answer': { params: AnswerParams; result: Empty };
  'session/questions': { params: QuestionListParams; result: QuestionList };
  'change/list': { params: ChangeListParams; result: ChangeList };
  'change/revert': { params: ChangeRevertParams; result: Reverted };
  'finding/list': { params: FindingListParams; result: FindingList };
  'finding/update': { params: FindingUpdateParams; result: Finding };
  'agent/list': { params: AgentListParams; result: AgentList };
  'skill/list': { params: Empty; result: SkillList };
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
