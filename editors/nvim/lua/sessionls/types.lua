---@meta
-- Generated from docs/protocol.schema.json by `make docs`. Do not edit.

--- An agent in a list. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be invoked, and `notice` says what in its file was ignored or read differently.
---@class sessionls.Agent
---@field name string
---@field description string
---@field model string
---@field tools string[]
---@field source string
---@field runtime 'litellm'|'acp'
---@field trusted boolean
---@field available boolean
---@field problem? string
---@field notice? string
---@field color? string
---@field codeAction? boolean

--- Who wrote a reply: the agent, the model it used, and the sha256 of the definition it ran with.
---@class sessionls.AgentAuthor
---@field agent string
---@field model string
---@field definition string

--- `installable` are known external agents that are not installed on this machine; absent if there are none.
---@class sessionls.AgentList
---@field agents sessionls.Agent[]
---@field default string
---@field installable? sessionls.InstallableAgent[]

---@class sessionls.AgentListParams
---@field workspaceFolder? string

--- `from` is the previous default agent.
---@class sessionls.AgentSwitched
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'agentSwitched'
---@field agent string
---@field model? string
---@field from string

--- An agent that another agent asked made progress: these are its `parts` from index `index` on. `path` leads to the call that asked it: the indexes of the enclosing calls, then that of the call itself. With an empty `path`, a part of an external agent's own reply changed (its plan, an updated call). `usage` and `steps` are totals of the whole reply.
---@class sessionls.AgentWorked
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'agentWorked'
---@field messageId string
---@field path integer[]
---@field index integer
---@field parts (sessionls.TextPart|sessionls.ReasoningPart|sessionls.ToolPart|sessionls.FindingPart|sessionls.EditPart|sessionls.PlanPart)[]
---@field usage? sessionls.Usage
---@field steps? integer

--- The original code that a finding is about: the lines of its range (`quote`), and some lines before and after.
---@class sessionls.Anchor
---@field quote string
---@field before string
---@field after string
---@field start integer
---@field end? integer

--- `requestId` may be left out where one question is open.
---@class sessionls.AnswerParams
---@field sessionId string
---@field requestId? string
---@field decision 'once'|'session'|'deny'

--- A tool call with its `result` for the model, also if the call was not made.
---@class sessionls.AnsweredCall
---@field callId string
---@field name string
---@field arguments table
---@field result string

---@class sessionls.Archived
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'archived'

--- `budget` is in US dollars. Without it, the budget was removed.
---@class sessionls.BudgetChanged
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'budgetChanged'
---@field budget? number

---@class sessionls.ByAgent
---@field agent string

--- Somebody asked to cancel the current reply. The process that writes it ends it at once.
---@class sessionls.CancelAsked
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'cancelAsked'
---@field messageId string

--- Lines of a file that agents changed, and their state: `applied`, `reverted` (the lines are as before), or `overwritten` (somebody changed the same lines later, so this cannot be reverted). `line` is their current line (zero-based). `patch` has the removed and added lines; absent if it is very long.
---@class sessionls.ChangeHunk
---@field id string
---@field state 'applied'|'reverted'|'overwritten'
---@field added integer
---@field removed integer
---@field line? integer
---@field patch? string

--- `commands` are the newest commands that ran. Their changes are not among the `files`.
---@class sessionls.ChangeList
---@field files sessionls.FileChange[]
---@field reverts? sessionls.RevertDone[]
---@field commands? sessionls.CommandRun[]

--- One of `messageId`, `since` and `revertId`, or none of them for the whole session.
---@class sessionls.ChangeListParams
---@field sessionId string
---@field messageId? string
---@field since? string
---@field revertId? string
---@field texts boolean

--- As for `change/list`. `hunk` is the `id` of one of the file's hunks, and needs `uri`.
---@class sessionls.ChangeRevertParams
---@field sessionId string
---@field messageId? string
---@field since? string
---@field revertId? string
---@field uri? string
---@field hunk? string

--- A participant reverted changes of agents to these files: those of the reply `messageId`, those since the message `since`, or an earlier revert (`of`). It can itself be reverted, by its `revertId`.
---@class sessionls.ChangesReverted
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'changesReverted'
---@field revertId string
---@field messageId? string
---@field since? string
---@field of? string
---@field files sessionls.RevertedFile[]

--- A command, or a call of an MCP server's tool, whose changes are unknown and cannot be reverted.
---@class sessionls.CommandRun
---@field messageId string
---@field tool string
---@field summary string

---@class sessionls.CommentParams
---@field sessionId string
---@field text string
---@field context? (sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext|sessionls.ImageContext)[]

--- For the model, `summary` replaces all messages up to and including place `through`. The log keeps everything.
---@class sessionls.Compacted
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'compacted'
---@field throughSeq integer
---@field through integer
---@field summary string
---@field usage? sessionls.Usage

---@alias sessionls.Context sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext|sessionls.ImageContext

---@class sessionls.CreateParams
---@field title? string
---@field agent? string
---@field model? string
---@field workspaceFolder? string
---@field budget? number

--- The new session. `identities` extend its scope beyond its `workspaceFolders` (see scope.py).
---@class sessionls.Created
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'created'
---@field session sessionls.Session
---@field identities string[]
---@field placed integer

--- `offset` counts code points from the start of that part's text.
---@class sessionls.DeltaParams
---@field sessionId string
---@field messageId string
---@field part integer
---@field kind 'text'|'reasoning'
---@field offset integer
---@field text string

--- `diagnostics` are unchanged `Diagnostic` objects of LSP; `lines` are the lines at which they are.
---@class sessionls.DiagnosticsContext
---@field uri string
---@field version? integer
---@field dirty? boolean
---@field sha256? string
---@field language? string
---@field notice? string
---@field kind 'diagnostics'
---@field range? sessionls.Range
---@field diagnostics? table[]
---@field lines? sessionls.SourceLine[]

--- The changes of the working tree since `base` (a git revision; the default is `HEAD`). `staged`: only staged changes.
---@class sessionls.DiffContext
---@field kind 'diff'
---@field base? string
---@field staged? boolean
---@field text? string
---@field notice? string

--- An edit of one document, applied or only proposed.
---@class sessionls.EditPart
---@field kind 'edit'
---@field uri string
---@field summary string
---@field applied boolean
---@field patch? string

--- `patch` as in the part that this event adds to its message.
---@class sessionls.Edited
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'edited'
---@field messageId string
---@field uri string
---@field summary string
---@field applied boolean
---@field patch? string

--- No fields.
---@class sessionls.Empty

---@alias sessionls.Event sessionls.Created|sessionls.Renamed|sessionls.MessageSent|sessionls.MessageSteered|sessionls.MessageWithdrawn|sessionls.QueueOrdered|sessionls.ReplyStarted|sessionls.StepFinished|sessionls.ToolCalled|sessionls.ToolFinished|sessionls.AgentWorked|sessionls.ReplyNoticed|sessionls.PermissionAsked|sessionls.PermissionAnswered|sessionls.FindingReported|sessionls.FindingChanged|sessionls.Edited|sessionls.ChangesReverted|sessionls.CancelAsked|sessionls.ReplyFinished|sessionls.AgentSwitched|sessionls.Paused|sessionls.Resumed|sessionls.BudgetChanged|sessionls.Spent|sessionls.Forked|sessionls.Compacted|sessionls.Archived|sessionls.Unarchived|sessionls.Shared|sessionls.Unshared|sessionls.ParticipantJoined|sessionls.ParticipantLeft|sessionls.HandedOver

--- A participant's message and the reply to it; absent if the message mentions people and names no agent.
---@class sessionls.Exchange
---@field message sessionls.Message
---@field reply? sessionls.Message

--- The message that results from a prompt file, and the agent that it names.
---@class sessionls.ExpandedPrompt
---@field text string
---@field agent? string

--- `content` is absent if the export was written to a file. `masked` is how many keys and tokens are masked in it.
---@class sessionls.Export
---@field content? string
---@field masked integer

--- `uri` is the file to write; without it the export is the answer. `unmasked`: keys and tokens stay as they are.
---@class sessionls.ExportParams
---@field sessionId string
---@field format 'markdown'|'json'|'html'
---@field unmasked boolean
---@field uri? string

--- The changes that agents made to a file in the replies `messageIds`. `state` is the state of all hunks, or `partly` if they differ; absent if it is not known, and then `notice` says why. `before` is the text without the applied changes, if requested; absent if the file did not exist before.
---@class sessionls.FileChange
---@field uri string
---@field kind 'edited'|'created'|'deleted'
---@field state? 'applied'|'reverted'|'partly'|'overwritten'
---@field added integer
---@field removed integer
---@field hunks sessionls.ChangeHunk[]
---@field messageIds string[]
---@field before? string
---@field notice? string

---@class sessionls.FileContext
---@field uri string
---@field version? integer
---@field dirty? boolean
---@field sha256? string
---@field language? string
---@field notice? string
---@field kind 'file'
---@field text? string

--- A result of a review at a range of a file. `severity` is as in LSP: 1 error … 4 hint.
---@class sessionls.Finding
---@field id string
---@field uri string
---@field range sessionls.Range
---@field severity 1|2|3|4
---@field title string
---@field body string
---@field rule? string
---@field suggestion? string
---@field state 'open'|'fixed'|'dismissed'
---@field reason? string
---@field help? string
---@field anchor? sessionls.Anchor
---@field sessionId string
---@field agent string
---@field messageId string

---@class sessionls.FindingChanged
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'findingChanged'
---@field findingId string
---@field state 'open'|'fixed'|'dismissed'
---@field reason? string

---@class sessionls.FindingList
---@field findings sessionls.Finding[]
---@field nextCursor? string

---@class sessionls.FindingListParams
---@field sessionId? string
---@field uri? string
---@field state? 'open'|'fixed'|'dismissed'
---@field cursor? string

---@class sessionls.FindingPart
---@field kind 'finding'
---@field finding sessionls.Finding

---@class sessionls.FindingReported
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'findingReported'
---@field finding sessionls.Finding

---@class sessionls.FindingUpdateParams
---@field findingId string
---@field state 'open'|'fixed'|'dismissed'
---@field reason? string

---@class sessionls.ForkParams
---@field sessionId string
---@field at? string
---@field title? string
---@field agent? string

---@class sessionls.Forked
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'forked'
---@field childId string

--- `to` is the id, the name or the e-mail address of a participant of the session.
---@class sessionls.HandOverParams
---@field sessionId string
---@field to string
---@field note? string

--- `by` handed the session over to a participant (see `Need`).
---@class sessionls.HandedOver
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'handedOver'
---@field to sessionls.Participant
---@field note? string
---@field waiting? string[]

---@class sessionls.History
---@field messages sessionls.Message[]
---@field more boolean

---@class sessionls.HistoryParams
---@field sessionId string
---@field before? string
---@field limit integer

---@class sessionls.Hit
---@field session sessionls.Session
---@field messageId string
---@field snippet string

--- An image of a message. `data` are its bytes in base64, `size` is their number; `width` and `height` are in pixels.
---@class sessionls.Image
---@field sha256 string
---@field mimeType string
---@field size integer
---@field width integer
---@field height integer
---@field data string

--- An image: a PNG, JPEG, WebP or GIF of at most 5 MiB. Send the `uri` of a file, or its bytes in base64 as `data`, with a `title`, or the `sha256` of an image that the session already has.
---@class sessionls.ImageContext
---@field kind 'image'
---@field uri? string
---@field data? string
---@field mimeType? string
---@field title? string
---@field sha256? string
---@field size? integer
---@field width? integer
---@field height? integer
---@field notice? string

--- `sha256` is that of the context of a message in the session.
---@class sessionls.ImageParams
---@field sessionId string
---@field sha256 string

--- A known external agent that is not installed on this machine. `install` is the command to install it.
---@class sessionls.InstallableAgent
---@field name string
---@field title string
---@field install string

--- A permanent permission of the person on this machine: for calls of `tool` that `scope` covers, in sessions of `folder` (absent: in all sessions). Like an answer for a session, it is only valid for replies to their own messages.
---@class sessionls.KeptPermission
---@field id string
---@field tool string
---@field risk 'read'|'write'|'execute'|'network'
---@field scope string
---@field folder? string
---@field createdAt string

---@class sessionls.KeptPermissionList
---@field permissions sessionls.KeptPermission[]

--- Data that a provider expects back together with a model's message, in the provider's own format.
---@class sessionls.KeptReasoning
---@field provider string
---@field data any

---@class sessionls.ListParams
---@field workspaceFolder? string
---@field state? 'active'|'paused'|'archived'
---@field query? string
---@field limit integer
---@field cursor? string

--- One entry in a session, by a participant or by an agent.
---@class sessionls.Message
---@field id string
---@field sessionId string
---@field seq integer
---@field role 'participant'|'agent'
---@field author sessionls.Participant|sessionls.AgentAuthor
---@field agent? string
---@field model? string
---@field replyTo? string
---@field parts (sessionls.TextPart|sessionls.ReasoningPart|sessionls.ToolPart|sessionls.FindingPart|sessionls.EditPart|sessionls.PlanPart)[]
---@field context? (sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext|sessionls.ImageContext)[]
---@field status 'queued'|'replying'|'complete'|'paused'|'interrupted'|'cancelled'|'failed'
---@field delivery? 'steer'
---@field steered? sessionls.Steered
---@field usage? sessionls.Usage
---@field steps? integer
---@field error? sessionls.MessageError
---@field stopReason? 'stop'|'length'|'tool_calls'|'content_filter'|'refusal'|'error'|'unknown'|'empty'
---@field mentions? string[]
---@field notices? string[]
---@field createdAt string
---@field finishedAt? string

--- Why a reply failed: an error kind of the protocol, a message that says what is wrong, and a hint what to do. `reason` is the reason of `modelUnavailable`.
---@class sessionls.MessageError
---@field kind string
---@field message string
---@field hint? string
---@field reason? string

---@class sessionls.MessageParams
---@field sessionId string
---@field text string
---@field agent? string
---@field model? string
---@field context? (sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext|sessionls.ImageContext)[]
---@field delivery 'queue'|'steer'
---@field replaces? string
---@field workDoneToken? integer|string
---@field partialResultToken? integer|string

---@class sessionls.MessageSent
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'messageSent'
---@field message sessionls.Message

--- The reply being written received a queued message, before the part with index `part`.
---@class sessionls.MessageSteered
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'messageSteered'
---@field messageId string
---@field replyId string
---@field part integer

--- A queued message was withdrawn: it is not in the session any more and gets no reply.
---@class sessionls.MessageWithdrawn
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'messageWithdrawn'
---@field messageId string

--- A tool call that a model requests.
---@class sessionls.ModelCall
---@field callId string
---@field name string
---@field arguments table

--- A model, and the reason if it is not available. `contextWindow` is in tokens. `images`: if known, whether it accepts images.
---@class sessionls.ModelInfo
---@field name string
---@field provider string
---@field available boolean
---@field problem? string
---@field contextWindow? integer
---@field images? boolean
---@field default? boolean

---@class sessionls.ModelList
---@field models sessionls.ModelInfo[]

--- A message for a model outside of any session: of the participant, or an earlier one of the model with its tool calls and its `reasoning`.
---@class sessionls.ModelMessage
---@field role 'participant'|'agent'
---@field text string
---@field calls? sessionls.AnsweredCall[]
---@field reasoning? sessionls.KeptReasoning

--- A model's reply outside of any session. `stopReason` is why it ended (see `Message`). Some providers refuse the result of a tool call without the `reasoning` that led to it: send it back unchanged with the message.
---@class sessionls.ModelReply
---@field text string
---@field model string
---@field calls? sessionls.ModelCall[]
---@field reasoning? sessionls.KeptReasoning
---@field usage? sessionls.Usage
---@field stopReason? 'stop'|'length'|'tool_calls'|'content_filter'|'refusal'|'error'|'unknown'|'empty'

--- `tools` are those that the asker can call; with `mustCall` the model is to ask for one of them.
---@class sessionls.ModelReplyParams
---@field model? string
---@field instructions? string
---@field messages sessionls.ModelMessage[]
---@field tools? sessionls.ModelTool[]
---@field mustCall boolean
---@field partialResultToken? integer|string

--- A tool that the caller offers. `schema` is the JSON Schema of its arguments.
---@class sessionls.ModelTool
---@field name string
---@field description string
---@field schema table

--- Something that waits for one participant, until they do something in the session.
---@class sessionls.Need
---@field kind 'handOver'|'mention'
---@field participant sessionls.Participant
---@field by sessionls.Participant
---@field messageId? string
---@field note? string
---@field waiting? string[]
---@field at string

---@class sessionls.OpenParams
---@field sessionId string
---@field limit integer
---@field after? integer

--- An open permission request, for which the reply `message_id` waits.
---@class sessionls.OpenQuestion
---@field requestId string
---@field messageId string
---@field agent string
---@field tool string
---@field summary string
---@field detail? string
---@field risk 'read'|'write'|'execute'|'network'
---@field scope? string
---@field at string

--- A session with its newest messages, oldest first. `more`: there are older messages.
---@class sessionls.Opened
---@field session sessionls.Session
---@field messages sessionls.Message[]
---@field more boolean
---@field participants sessionls.Participant[]
---@field seq integer
---@field events? (sessionls.Created|sessionls.Renamed|sessionls.MessageSent|sessionls.MessageSteered|sessionls.MessageWithdrawn|sessionls.QueueOrdered|sessionls.ReplyStarted|sessionls.StepFinished|sessionls.ToolCalled|sessionls.ToolFinished|sessionls.AgentWorked|sessionls.ReplyNoticed|sessionls.PermissionAsked|sessionls.PermissionAnswered|sessionls.FindingReported|sessionls.FindingChanged|sessionls.Edited|sessionls.ChangesReverted|sessionls.CancelAsked|sessionls.ReplyFinished|sessionls.AgentSwitched|sessionls.Paused|sessionls.Resumed|sessionls.BudgetChanged|sessionls.Spent|sessionls.Forked|sessionls.Compacted|sessionls.Archived|sessionls.Unarchived|sessionls.Shared|sessionls.Unshared|sessionls.ParticipantJoined|sessionls.ParticipantLeft|sessionls.HandedOver)[]

--- The point where a fork left its parent: it shares the parent's events up to and including `seq`.
---@class sessionls.ParentRef
---@field sessionId string
---@field seq integer
---@field messageId? string

---@alias sessionls.Part sessionls.TextPart|sessionls.ReasoningPart|sessionls.ToolPart|sessionls.FindingPart|sessionls.EditPart|sessionls.PlanPart

--- A person (or program) that takes part in a session.
---@class sessionls.Participant
---@field id string
---@field name string
---@field email? string

---@class sessionls.ParticipantJoined
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'participantJoined'
---@field participant sessionls.Participant

---@class sessionls.ParticipantLeft
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'participantLeft'
---@field participantId string

--- `reason`: the session's budget is used up. Without a reason, `by` paused it.
---@class sessionls.Paused
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'paused'
---@field reason? 'budget'

--- The people with access to a session, and the `role` of the participant who asks. `known` are the people that it can be shared with.
---@class sessionls.People
---@field people sessionls.Person[]
---@field role 'reader'|'commenter'|'writer'|'owner'
---@field known sessionls.Participant[]
---@field notice? string
---@field secrets? integer

--- `secrets`: also count the keys and tokens in the session. That reads all of it.
---@class sessionls.PeopleParams
---@field sessionId string
---@field secrets boolean

---@class sessionls.PermissionAnswered
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'permissionAnswered'
---@field requestId string
---@field decision 'once'|'session'|'deny'

--- A tool needs permission to continue. `scope` is what an answer for the whole session covers, in replies to messages of the participant who gives it. If it is empty, such an answer covers nothing else.
---@class sessionls.PermissionAsked
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'permissionAsked'
---@field requestId string
---@field messageId string
---@field tool string
---@field summary string
---@field risk 'read'|'write'|'execute'|'network'
---@field detail? string
---@field scope string

---@class sessionls.PermissionDecision
---@field decision 'once'|'session'|'deny'

--- `everywhere`: in sessions of all folders, not of the session's own alone.
---@class sessionls.PermissionKeepParams
---@field sessionId string
---@field requestId string
---@field everywhere boolean

--- `messageId` is the reply that waits. `scope` is what "allow for this session" covers, in replies to messages of whoever says so.
---@class sessionls.PermissionParams
---@field sessionId string
---@field messageId string
---@field requestId string
---@field agent string
---@field tool string
---@field summary string
---@field detail? string
---@field risk 'read'|'write'|'execute'|'network'
---@field scope string

---@class sessionls.PermissionRemoveParams
---@field permissionId string

--- A participant's role in a session. The id `team` means everybody who can log in to the database.
---@class sessionls.Person
---@field id string
---@field role 'reader'|'commenter'|'writer'|'owner'
---@field name? string

--- One entry of an agent's plan, with its status.
---@class sessionls.PlanEntry
---@field content string
---@field status 'pending'|'inProgress'|'completed'
---@field priority? 'high'|'medium'|'low'

--- The newest plan of an external agent in this reply.
---@class sessionls.PlanPart
---@field kind 'plan'
---@field entries sessionls.PlanEntry[]

--- A position between two characters: zero-based line, and character in units of the negotiated encoding.
---@class sessionls.Position
---@field line integer
---@field character integer

--- `arguments` as a person writes them behind the name.
---@class sessionls.PromptExpandParams
---@field name string
---@field arguments string

--- A reusable message. `arguments` describes its arguments, if it has any. `agent` answers the message (default: the session's agent). With a `problem` it cannot be used.
---@class sessionls.PromptFile
---@field name string
---@field source string
---@field description string
---@field arguments? string
---@field agent? string
---@field problem? string

---@class sessionls.PromptFileList
---@field prompts sessionls.PromptFile[]

---@class sessionls.QuestionList
---@field questions sessionls.SessionQuestion[]

---@class sessionls.QuestionListParams
---@field sessionId? string
---@field workspaceFolder? string

--- `messageIds` are all queued messages in their new order. `now` is the message to answer now: it gets a separate reply, even if it was sent to steer the current one.
---@class sessionls.QueueOrdered
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'queueOrdered'
---@field messageIds string[]
---@field now? string

--- From `start` up to but not including `end`.
---@class sessionls.Range
---@field start sessionls.Position
---@field end sessionls.Position

---@class sessionls.ReasoningPart
---@field kind 'reasoning'
---@field text string

---@class sessionls.RenameParams
---@field sessionId string
---@field title string

---@class sessionls.Renamed
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'renamed'
---@field title string

---@class sessionls.ReorderParams
---@field sessionId string
---@field messageIds string[]

--- A reply ended or stopped; `message` is the whole reply, with its status.
---@class sessionls.ReplyFinished
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'replyFinished'
---@field message sessionls.Message

--- The reply got notices; `notices` as in its message.
---@class sessionls.ReplyNoticed
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'replyNoticed'
---@field messageId string
---@field notices string[]

--- A reply starts, or continues after a pause, an interruption or a failure. `definition` is the definition's sha256.
---@class sessionls.ReplyStarted
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'replyStarted'
---@field messageId string
---@field replyTo string
---@field agent string
---@field model string
---@field definition string

---@class sessionls.Resumed
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'resumed'

--- Changes that somebody reverted (see the event `changesReverted`).
---@class sessionls.RevertDone
---@field revertId string
---@field at string
---@field by? sessionls.Participant
---@field messageId? string
---@field since? string
---@field of? string
---@field uris string[]

--- `uris` are the files that were changed. `notices` say which files turned out differently or are not saved.
---@class sessionls.Reverted
---@field revertId string
---@field uris string[]
---@field notices? string[]

--- The effect of a revert on one file. `patch` is absent if it is very long.
---@class sessionls.RevertedFile
---@field uri string
---@field patch? string

--- `uris` are those of the documents to save; `versions` the numbers that they had when the agent's edit was in them.
---@class sessionls.SaveParams
---@field uris string[]
---@field versions? table

--- `saved` are the URIs of the documents that have no unsaved changes any more, spelled as they were asked for.
---@class sessionls.Saved
---@field saved string[]

---@class sessionls.SearchParams
---@field query string
---@field workspaceFolder? string
---@field limit integer

---@class sessionls.SearchResult
---@field hits sessionls.Hit[]

---@class sessionls.SelectionContext
---@field uri string
---@field version? integer
---@field dirty? boolean
---@field sha256? string
---@field language? string
---@field notice? string
---@field kind 'selection'
---@field range sessionls.Range
---@field text? string

--- A session. `agent` is its default agent, and `model` the model that this agent uses here instead of its own.
---@class sessionls.Session
---@field id string
---@field title string
---@field state 'active'|'paused'|'archived'
---@field pauseReason? 'budget'
---@field replying boolean
---@field queued integer
---@field stopped? 'paused'|'interrupted'|'failed'
---@field asking? sessionls.OpenQuestion[]
---@field agent string
---@field model? string
---@field workspaceFolders string[]
---@field parent? sessionls.ParentRef
---@field participants sessionls.Participant[]
---@field present? sessionls.Participant[]
---@field needs? sessionls.Need[]
---@field people? sessionls.Person[]
---@field usage sessionls.Usage
---@field budget? number
---@field seq integer
---@field messageCount integer
---@field createdAt string
---@field updatedAt string

--- The session as it is now, or the id of one that was deleted. `accessLost`: it is not deleted, but this login has no access to it any more.
---@class sessionls.SessionChangedParams
---@field session? sessionls.Session
---@field deleted? string
---@field accessLost? boolean

--- The messages of another session of the same folders when this message was sent, or only one of its messages.
---@class sessionls.SessionContext
---@field kind 'session'
---@field sessionId string
---@field messageId? string
---@field title? string
---@field text? string
---@field notice? string

--- `you` is the participant who asks; the `needs` of each session include what waits for them.
---@class sessionls.SessionList
---@field sessions sessionls.Session[]
---@field nextCursor? string
---@field you? sessionls.Participant

---@class sessionls.SessionParams
---@field sessionId string

--- An open permission request and its session.
---@class sessionls.SessionQuestion
---@field sessionId string
---@field title string
---@field question sessionls.OpenQuestion

---@class sessionls.SetBudgetParams
---@field sessionId string
---@field budget number|nil

--- `with` is a participant's id (their login), the name of one who was here, or `team` for everybody who may log in to the database.
---@class sessionls.ShareParams
---@field sessionId string
---@field with string
---@field role 'reader'|'commenter'|'writer'|'owner'

--- A person has this role in the session from now on, instead of their earlier one.
---@class sessionls.Shared
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'shared'
---@field person sessionls.Person

--- A skill in a list: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.
---@class sessionls.Skill
---@field name string
---@field description string
---@field source string
---@field trusted boolean
---@field available boolean
---@field problem? string
---@field notice? string

---@class sessionls.SkillList
---@field skills sessionls.Skill[]

--- A line of a document: its zero-based number and its text without the line end.
---@class sessionls.SourceLine
---@field number integer
---@field text string

--- Usage of models outside a reply that had no result.
---@class sessionls.Spent
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'spent'
---@field usage sessionls.Usage

--- A message that steered a reply: its id, and the index of the part before which the reply received it.
---@class sessionls.Steered
---@field messageId string
---@field part integer

--- A step of the model ended.
---@class sessionls.StepFinished
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'stepFinished'
---@field messageId string
---@field index integer
---@field parts (sessionls.TextPart|sessionls.ReasoningPart|sessionls.ToolPart|sessionls.FindingPart|sessionls.EditPart|sessionls.PlanPart)[]
---@field usage? sessionls.Usage
---@field steps? integer

---@class sessionls.SwitchAgentParams
---@field sessionId string
---@field agent string
---@field model? string

---@class sessionls.SymbolContext
---@field uri string
---@field version? integer
---@field dirty? boolean
---@field sha256? string
---@field language? string
---@field notice? string
---@field kind 'symbol'
---@field name string
---@field range? sessionls.Range
---@field text? string

---@class sessionls.TextContext
---@field kind 'text'
---@field title string
---@field text string
---@field notice? string

---@class sessionls.TextPart
---@field kind 'text'
---@field text string

--- A tool starts. `index` is the index of the part in its message.
---@class sessionls.ToolCalled
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'toolCalled'
---@field messageId string
---@field index integer
---@field part sessionls.ToolPart

---@class sessionls.ToolFinished
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'toolFinished'
---@field messageId string
---@field index integer
---@field part sessionls.ToolPart

--- A tool call. `result` is the tool's result for the agent, cut to a maximum size. `title` is an external agent's own description of the call.
---@class sessionls.ToolPart
---@field kind 'tool'
---@field callId string
---@field name string
---@field title? string
---@field arguments table
---@field status 'waiting'|'running'|'done'|'failed'|'denied'
---@field result? string
---@field step? integer
---@field parts? (sessionls.TextPart|sessionls.ReasoningPart|sessionls.ToolPart|sessionls.FindingPart|sessionls.EditPart|sessionls.PlanPart)[]
---@field unreadable? string

--- The session was unarchived: `state` and `stopped` are as before it was archived.
---@class sessionls.Unarchived
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'unarchived'
---@field state 'active'|'paused'
---@field stopped? 'paused'|'interrupted'|'failed'

--- `with` is a participant's id (their login) or name, or `team`.
---@class sessionls.UnshareParams
---@field sessionId string
---@field with string

--- The role of `personId` (a participant's id or `team`) in the session was removed.
---@class sessionls.Unshared
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'unshared'
---@field personId string

--- Tokens and cost. `cost` is in US dollars, and absent if it is not known.
---@class sessionls.Usage
---@field inputTokens integer
---@field outputTokens integer
---@field cachedTokens? integer
---@field cost? number

---@class sessionls.WaitingMessageParams
---@field sessionId string
---@field messageId string

--- How much of its model's context window a session uses, in tokens. `used` is an estimate for instructions and messages, without the descriptions of tools. At `summarisedAt`, older messages are summarised before the next reply. `summary` replaces the first `summarised` messages, which the log keeps. `window` is absent if it is unknown, as for agents with their own model.
---@class sessionls.WindowUse
---@field model string
---@field used integer
---@field window? integer
---@field summarisedAt? integer
---@field summarised integer
---@field summary? string
