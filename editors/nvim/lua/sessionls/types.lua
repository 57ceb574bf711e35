---@meta
-- Generated from docs/protocol.schema.json by `make docs`. Do not edit.

--- An agent as lists show it. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be invoked, `notice` what of its file was not read as it stands.
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

--- `installable` are the external agents that are known and not on this machine; absent where there is none.
---@class sessionls.AgentList
---@field agents sessionls.Agent[]
---@field default string
---@field installable? sessionls.InstallableAgent[]

---@class sessionls.AgentListParams
---@field workspaceFolder? string

--- `from` is the default agent until now.
---@class sessionls.AgentSwitched
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'agentSwitched'
---@field agent string
---@field model? string
---@field from string

--- An agent that was asked by another one went on: its `parts` from number `index` on are these. Of the parts of the message, `path` leads to the call that asked it: the number of that call, behind those of the calls around it. An empty `path`: the reply's own part, of an external agent, is another now (its plan, a call that says more). `usage` and `steps` are those of the whole reply so far.
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

--- The code that a finding is about, as it was: the lines of its range (`quote`), and some before and after.
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

--- A call that was made, or was not: `result` says what the model is told of it.
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

--- `budget` is in US dollars; without it, the session has none any more.
---@class sessionls.BudgetChanged
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'budgetChanged'
---@field budget? number

---@class sessionls.ByAgent
---@field agent string

--- Somebody asked to cancel the reply being written; the process that writes it ends it at once.
---@class sessionls.CancelAsked
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'cancelAsked'
---@field messageId string

--- Lines of a file that agents changed, and whether that stands: `applied`, `reverted` (the file is as it was before), or `overwritten` (somebody changed the same lines later, so it cannot be taken back). `line` is where it stands now (zero-based). `patch` is what was taken out and put in; left out where it is very long.
---@class sessionls.ChangeHunk
---@field id string
---@field state 'applied'|'reverted'|'overwritten'
---@field added integer
---@field removed integer
---@field line? integer
---@field patch? string

--- `commands` are the newest that ran; what they changed is not among the `files`.
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

--- A participant took back what agents had changed in these files: in the reply `messageId`, or since the message `since`; or what the revert `of` had done. It can be taken back itself, by its `revertId`.
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

--- A command, or a call of a server's tool, whose changes are not known and cannot be taken back.
---@class sessionls.CommandRun
---@field messageId string
---@field tool string
---@field summary string

--- All messages up to and with place `through` stand in `summary` for the model. The log keeps everything.
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

---@alias sessionls.Context sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext

---@class sessionls.CreateParams
---@field title? string
---@field agent? string
---@field model? string
---@field workspaceFolder? string
---@field budget? number

--- The session as it began. `identities` say where it belongs beside its `workspaceFolders` (see scope.py).
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

--- `diagnostics` are LSP's `Diagnostic` objects, kept as they came; `lines` are the lines that they are on.
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

--- The changes of the working tree since `base` (a git revision; `HEAD` unless said). `staged`: only what is staged.
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

--- `patch` as in the part that it adds to its message.
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

---@alias sessionls.Event sessionls.Created|sessionls.Renamed|sessionls.MessageSent|sessionls.MessageSteered|sessionls.MessageWithdrawn|sessionls.QueueOrdered|sessionls.ReplyStarted|sessionls.StepFinished|sessionls.ToolCalled|sessionls.ToolFinished|sessionls.AgentWorked|sessionls.ReplyNoticed|sessionls.PermissionAsked|sessionls.PermissionAnswered|sessionls.FindingReported|sessionls.FindingChanged|sessionls.Edited|sessionls.ChangesReverted|sessionls.CancelAsked|sessionls.ReplyFinished|sessionls.AgentSwitched|sessionls.Paused|sessionls.Resumed|sessionls.BudgetChanged|sessionls.Spent|sessionls.Forked|sessionls.Compacted|sessionls.Archived|sessionls.Unarchived|sessionls.ParticipantJoined|sessionls.ParticipantLeft

--- A participant's message and the reply to it.
---@class sessionls.Exchange
---@field message sessionls.Message
---@field reply sessionls.Message

--- `content` is left out where the export was written to a file.
---@class sessionls.Export
---@field content? string

--- `uri` is the file to write; without it the export is the answer.
---@class sessionls.ExportParams
---@field sessionId string
---@field format 'markdown'|'json'|'html'
---@field uri? string

--- What agents changed in a file, by the replies `messageIds`. `state` is that of all hunks, `partly` where they differ; left out where it is not known, and `notice` says why. `before` is the text without the changes that stand, where it was asked for; left out for a file that would not be there.
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

--- One result of a review, tied to a place in a file. `severity` is LSP's: 1 error … 4 hint.
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

--- An external agent that sessionls knows and that is not on this machine. `install` is the command that brings it.
---@class sessionls.InstallableAgent
---@field name string
---@field title string
---@field install string

--- What a provider wants to be handed back with a model's own message, in a form that only it reads.
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
---@field context? (sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext)[]
---@field status 'queued'|'replying'|'complete'|'paused'|'interrupted'|'cancelled'|'failed'
---@field delivery? 'steer'
---@field steered? sessionls.Steered
---@field usage? sessionls.Usage
---@field steps? integer
---@field error? sessionls.MessageError
---@field stopReason? 'stop'|'length'|'tool_calls'|'content_filter'|'refusal'|'error'|'unknown'|'empty'
---@field notices? string[]
---@field createdAt string
---@field finishedAt? string

--- Why a reply failed: an error kind of the protocol, words that say what is wrong, and what to do about it. `reason` is that of `modelUnavailable`.
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
---@field context? (sessionls.SelectionContext|sessionls.FileContext|sessionls.DiagnosticsContext|sessionls.SymbolContext|sessionls.DiffContext|sessionls.TextContext|sessionls.SessionContext)[]
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

--- A waiting message was handed to the reply being written, before that reply's part number `part`.
---@class sessionls.MessageSteered
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'messageSteered'
---@field messageId string
---@field replyId string
---@field part integer

--- A waiting message was taken back: it is not in the session any more, and gets no reply.
---@class sessionls.MessageWithdrawn
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'messageWithdrawn'
---@field messageId string

--- A call that a model asks for.
---@class sessionls.ModelCall
---@field callId string
---@field name string
---@field arguments table

--- A model that could answer now, or why it cannot. `contextWindow` is in tokens.
---@class sessionls.ModelInfo
---@field name string
---@field provider string
---@field available boolean
---@field problem? string
---@field contextWindow? integer
---@field default? boolean

---@class sessionls.ModelList
---@field models sessionls.ModelInfo[]

--- What a model is told outside of any session: the participant's words, or its own earlier ones with its calls. `reasoning` is what came with those.
---@class sessionls.ModelMessage
---@field role 'participant'|'agent'
---@field text string
---@field calls? sessionls.AnsweredCall[]
---@field reasoning? sessionls.KeptReasoning

--- What a model answered outside of any session. `model` is the one that did, `stopReason` why it ended (see `Message`). Some providers refuse the result of a call without the `reasoning` that led to it: send it back, as it is, with the message.
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

--- A tool that the asker can call. `schema` is the JSON Schema of its arguments.
---@class sessionls.ModelTool
---@field name string
---@field description string
---@field schema table

---@class sessionls.OpenParams
---@field sessionId string
---@field limit integer
---@field after? integer

--- A question for permission that nobody has answered yet: the reply `message_id` waits for it.
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

--- A session as it was found: its newest messages, oldest first; `more`: there are older ones.
---@class sessionls.Opened
---@field session sessionls.Session
---@field messages sessionls.Message[]
---@field more boolean
---@field participants sessionls.Participant[]
---@field seq integer
---@field events? (sessionls.Created|sessionls.Renamed|sessionls.MessageSent|sessionls.MessageSteered|sessionls.MessageWithdrawn|sessionls.QueueOrdered|sessionls.ReplyStarted|sessionls.StepFinished|sessionls.ToolCalled|sessionls.ToolFinished|sessionls.AgentWorked|sessionls.ReplyNoticed|sessionls.PermissionAsked|sessionls.PermissionAnswered|sessionls.FindingReported|sessionls.FindingChanged|sessionls.Edited|sessionls.ChangesReverted|sessionls.CancelAsked|sessionls.ReplyFinished|sessionls.AgentSwitched|sessionls.Paused|sessionls.Resumed|sessionls.BudgetChanged|sessionls.Spent|sessionls.Forked|sessionls.Compacted|sessionls.Archived|sessionls.Unarchived|sessionls.ParticipantJoined|sessionls.ParticipantLeft)[]

--- Where a fork left its parent: it holds the parent's events up to and with `seq`.
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

--- `reason`: the session's budget is used up; without one, `by` wanted it.
---@class sessionls.Paused
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'paused'
---@field reason? 'budget'

---@class sessionls.PermissionAnswered
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'permissionAnswered'
---@field requestId string
---@field decision 'once'|'session'|'deny'

--- A tool may not go on without a yes. `scope` is what a yes for the whole session covers, in replies to messages of whoever gives it; nothing where it is empty.
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

--- One thing that an agent means to do, and how far it is.
---@class sessionls.PlanEntry
---@field content string
---@field status 'pending'|'inProgress'|'completed'
---@field priority? 'high'|'medium'|'low'

--- What an external agent means to do in this reply: the newest of its plans.
---@class sessionls.PlanPart
---@field kind 'plan'
---@field entries sessionls.PlanEntry[]

--- A place between two characters: zero-based line, and character in units of the negotiated encoding.
---@class sessionls.Position
---@field line integer
---@field character integer

---@class sessionls.QuestionList
---@field questions sessionls.SessionQuestion[]

---@class sessionls.QuestionListParams
---@field sessionId? string
---@field workspaceFolder? string

--- `messageIds` are all waiting messages, in the order in which they are answered now. `now` is the one that was sent now: it gets a reply of its own, even if it was to steer the one being written.
---@class sessionls.QueueOrdered
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'queueOrdered'
---@field messageIds string[]
---@field now? string

--- From `start` up to and without `end`.
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

--- What the reply has to do without became known: `notices` as in its message.
---@class sessionls.ReplyNoticed
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'replyNoticed'
---@field messageId string
---@field notices string[]

--- A reply begins, or goes on after a pause, an interruption or a failure. `definition` is its definition's sha256.
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

--- Changes that somebody took back (see the event `changesReverted`).
---@class sessionls.RevertDone
---@field revertId string
---@field at string
---@field by? sessionls.Participant
---@field messageId? string
---@field since? string
---@field of? string
---@field uris string[]

--- `uris` are the files that were changed. `notices` say what came out otherwise, or is not saved.
---@class sessionls.Reverted
---@field revertId string
---@field uris string[]
---@field notices? string[]

--- What taking changes back did to one file. `patch` is left out where it is very long.
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

--- The container for work. `agent` is its default agent, `model` the model that agent uses here in place of its own.
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
---@field usage sessionls.Usage
---@field budget? number
---@field seq integer
---@field messageCount integer
---@field createdAt string
---@field updatedAt string

--- One of the two: the session as it is now, or the id of one that was deleted.
---@class sessionls.SessionChangedParams
---@field session? sessionls.Session
---@field deleted? string

--- Another session of the same folders: what was said in it when the message was sent, or only in that message of it.
---@class sessionls.SessionContext
---@field kind 'session'
---@field sessionId string
---@field messageId? string
---@field title? string
---@field text? string
---@field notice? string

---@class sessionls.SessionList
---@field sessions sessionls.Session[]
---@field nextCursor? string

---@class sessionls.SessionParams
---@field sessionId string

--- An open question for permission, and the session it is asked in.
---@class sessionls.SessionQuestion
---@field sessionId string
---@field title string
---@field question sessionls.OpenQuestion

---@class sessionls.SetBudgetParams
---@field sessionId string
---@field budget number|nil

--- A skill as lists show it: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.
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

--- Models were used outside of a reply, and nothing came of it.
---@class sessionls.Spent
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'spent'
---@field usage sessionls.Usage

--- A message that was handed to a reply being written: which one, and before which of its parts it came.
---@class sessionls.Steered
---@field messageId string
---@field part integer

--- One step of the model ended: the parts it added, from number `index` on, and what the reply has used so far, in how many steps.
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

--- A tool starts. `index` is the number of the part in its message.
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

--- One call of a tool. `result` is what the agent was told, cut to a bounded size. `title` is what the call does, in the words of an external agent, whose tools are its own.
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

--- The session is back as it was: `state` and `stopped` are what they were before it was archived.
---@class sessionls.Unarchived
---@field sessionId string
---@field seq integer
---@field at string
---@field by? sessionls.Participant|sessionls.ByAgent
---@field kind 'unarchived'
---@field state 'active'|'paused'
---@field stopped? 'paused'|'interrupted'|'failed'

--- What was spent. `cost` is in US dollars, and left out where it is not known.
---@class sessionls.Usage
---@field inputTokens integer
---@field outputTokens integer
---@field cachedTokens? integer
---@field cost? number

---@class sessionls.WaitingMessageParams
---@field sessionId string
---@field messageId string
