"""The table of all custom methods of the protocol: params, result, direction, errors and description.

docs/protocol.md and docs/protocol.schema.json are generated from it (`make docs`), and the server answers exactly these
requests. The table does not depend on pygls, so that it can be read and used without the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sessionls.domain import errors as e
from sessionls.domain import results as r
from sessionls.domain.model import Finding, Message, Session, Wire
from sessionls.server.schema import params as p
from sessionls.sessions.completion import ModelReply

__all__ = ["COMMANDS", "ERRORS", "EVENTS", "METHODS", "NOTIFICATIONS", "REQUESTS", "VERSION", "Method"]

VERSION = 1

ERRORS: tuple[type[e.SessionlsError], ...] = (
    e.InvalidParams,
    e.SessionNotFound,
    e.SessionPaused,
    e.SessionArchived,
    e.AgentNotFound,
    e.AgentUnavailable,
    e.ModelUnavailable,
    e.MessageNotFound,
    e.StoreUnavailable,
    e.NotPermitted,
    e.MessageWithdrawn,
    e.SessionUnreadable,
)


@dataclass(frozen=True, slots=True)
class Method:
    """One custom method.

    `params` is the model of its params (one of several for `session/event`), `result` the model of its result, None for a
    notification. `errors` are its possible errors in addition to `invalidParams` and `storeUnavailable`, which are possible for
    every request, and `sessionUnreadable`, which is possible wherever `sessionNotFound` is.
    `causes` are the kinds of event that it adds to the log. `planned`: the name is reserved; this version does
    not answer it yet. `verb` is the name of its command if the second half of `name` is not clear enough.
    """

    name: str
    params: Any
    result: type[Wire] | None
    doc: str
    direction: Literal["client → server", "server → client"] = "client → server"
    errors: tuple[type[e.SessionlsError], ...] = ()
    causes: tuple[str, ...] = ()
    planned: bool = False
    verb: str = ""

    @property
    def command(self) -> str:
        """The equivalent command of `workspace/executeCommand`: `sessionls.<verb>`."""
        return f"sessionls.{self.verb or self.name.partition('/')[2]}"


# -- the table -----------------------------------------------------------------------------------------------------------

_GONE = (e.SessionNotFound,)
_AGENTS = (e.AgentNotFound, e.AgentUnavailable)

METHODS: tuple[Method, ...] = (
    Method(
        "session/create",
        p.CreateParams,
        Session,
        "Creates a session. It belongs to the given workspace folder, or to all open ones. Without a title it gets one from"
        " its first message. `model` is the model that the default agent uses in this session instead of its own. `budget`"
        " limits the cost of models in US dollars (see `session/setBudget`).",
        errors=_AGENTS,
        causes=("created",),
    ),
    Method(
        "session/list",
        p.ListParams,
        r.SessionList,
        "Lists sessions, newest first. Those that need you come before all others: first those with an open request for "
        "permission or with `needs` of yours, then the newest whose reply was interrupted or failed. Lists the sessions of the "
        "given workspace folder (default: of the open folders), or all sessions for `*`. A session belongs to its folders and "
        "to their repositories. Without `state`, archived sessions are omitted. `query`: words of the title.",
    ),
    Method(
        "session/get",
        p.SessionParams,
        Session,
        "Returns a session in its current state.",
        errors=_GONE,
    ),
    Method(
        "session/open",
        p.OpenParams,
        r.Opened,
        "Joins a session: after the response, the server sends its events and deltas. Returns its newest `limit` messages, "
        "oldest first, including the current text of a reply being written. Returns fewer messages, but at least one, if they "
        "would exceed 4 MiB. `more` is true if there are older ones. `participants` have the session open in a running process; "
        "a participant whose process has ended leaves within seconds (`participantLeft`). With `after`, also returns the events "
        "with higher numbers, unless they would exceed 4 MiB. No notification of the session comes before the response, and "
        "none after it is missing.",
        errors=_GONE,
        causes=("participantJoined",),
    ),
    Method(
        "session/close",
        p.SessionParams,
        p.Empty,
        "Leaves a session: the server no longer sends its events and deltas. A reply being written continues.",
        errors=_GONE,
        causes=("participantLeft",),
    ),
    Method(
        "session/history",
        p.HistoryParams,
        r.History,
        "Returns older messages: the newest `limit` ones before message `before`, oldest first, and whether there are older "
        "ones. Returns fewer messages, but at least one, if they would exceed 4 MiB.",
        errors=(e.SessionNotFound, e.MessageNotFound),
    ),
    Method(
        "context/image",
        p.ImageParams,
        r.Image,
        "Returns the bytes of an image in a message of the session or of its ancestors. Messages and events refer to it by its"
        " `sha256`.",
        errors=_GONE,
    ),
    Method(
        "session/message",
        p.MessageParams,
        r.Exchange,
        "Sends a message, and responds when the reply to it has ended or stopped. `agent` writes only this reply instead of the "
        "default agent, with its own prompt, tools, model and configuration; the next message goes to the default again. "
        "`model` is the model for only this reply. The server adds the text of selections, files and symbols from the editor's "
        "buffers. While another reply is being written, the message waits in the queue. With `steer`, that reply receives it, "
        "if it answers the same participant, or if the person who runs it has set `answer_others`. `replaces` is a waiting "
        "message of the same participant: this message takes its position in the queue, and a client that waits for its reply "
        "gets `messageWithdrawn`. If its reply has begun, the request is refused and nothing is sent. `$/cancelRequest` cancels "
        "the reply, which keeps its text so far. With `workDoneToken`, `$/progress` reports that a reply is being written, and "
        "can cancel it. With `partialResultToken`, `$/progress` sends `{ text }` pieces that join to the text of the reply. A "
        "text that mentions other participants of the session (`@name`, outside of code) notifies them (`needs`). Without an "
        "`agent`, such a message gets no `reply`. If an agent and a participant have the same name, the name means the agent, "
        "and the message's `notices` say so.",
        errors=(
            e.SessionNotFound,
            e.SessionPaused,
            e.SessionArchived,
            *_AGENTS,
            e.ModelUnavailable,
            e.NotPermitted,
            e.MessageNotFound,
            e.MessageWithdrawn,
        ),
        causes=(
            "messageSent",
            "messageWithdrawn",
            "queueOrdered",
            "messageSteered",
            "replyStarted",
            "replyNoticed",
            "stepFinished",
            "toolCalled",
            "agentWorked",
            "toolFinished",
            "paused",
            "replyFinished",
        ),
    ),
    Method(
        "session/comment",
        p.CommentParams,
        Message,
        "Adds a message that no agent answers, and responds immediately. It is part of the session at once, also while a reply "
        "is being written, and agents read it with later messages.",
        errors=(e.SessionNotFound, e.SessionPaused, e.SessionArchived, e.NotPermitted),
        causes=("messageSent",),
    ),
    Method(
        "session/cancel",
        p.SessionParams,
        Session,
        "Cancels the reply being written, whoever sent the message that it answers. The reply keeps its text so far.",
        errors=_GONE,
        causes=("replyFinished",),
    ),
    Method(
        "session/withdraw",
        p.WaitingMessageParams,
        Session,
        "Withdraws a message whose reply has not begun: it is removed from the session, and a client that waits for its reply "
        "gets `messageWithdrawn`. Every participant may do this. Refused if the reply has begun: then use `session/cancel`.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("messageWithdrawn",),
    ),
    Method(
        "session/sendNow",
        p.WaitingMessageParams,
        Session,
        "Answers a waiting message now: cancels the reply being written, which keeps its text, or ends a stopped "
        "reply, and answers this message next, with a separate reply even if it was sent to steer. Does nothing if it is "
        "already being answered. If the process that sent the message has ended, this server answers it, with the keys, the "
        "workspace and the permissions of the caller.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.SessionPaused, e.SessionArchived, e.NotPermitted),
        causes=("queueOrdered", "replyFinished", "replyStarted"),
    ),
    Method(
        "session/reorder",
        p.ReorderParams,
        Session,
        "Answers these waiting messages first, in this order; the others follow in their current order. Ignores messages whose "
        "reply has begun; refused if none of them is still waiting.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("queueOrdered",),
    ),
    Method(
        "session/switchAgent",
        p.SwitchAgentParams,
        Session,
        "Changes the default agent and the session's model. Without `model`, the session uses the agent's model.",
        errors=(e.SessionNotFound, *_AGENTS),
        causes=("agentSwitched",),
    ),
    Method(
        "session/pause",
        p.SessionParams,
        Session,
        "Pauses a session: a reply being written stops at its next safe point and keeps its results. A paused session "
        "accepts no messages.",
        errors=(e.SessionNotFound, e.SessionArchived),
        causes=("paused", "replyFinished"),
    ),
    Method(
        "session/resume",
        p.SessionParams,
        Session,
        "Resumes a paused session, or a reply that was interrupted or failed. Responds immediately; events report the progress "
        "of the reply. Refused (`notPermitted`) while the session's budget is used up.",
        errors=(e.SessionNotFound, e.SessionArchived, e.NotPermitted),
        causes=("resumed", "replyStarted"),
    ),
    Method(
        "session/fork",
        p.ForkParams,
        Session,
        "Creates a new session with all messages up to and including `at` (without it: all complete messages), by reference. "
        "The parent does not change, and later changes of the parent do not change the fork.",
        errors=(e.SessionNotFound, e.MessageNotFound, *_AGENTS),
        causes=("created", "forked"),
    ),
    Method(
        "session/rename",
        p.RenameParams,
        Session,
        "Changes the title of a session.",
        errors=_GONE,
        causes=("renamed",),
    ),
    Method(
        "session/handOver",
        p.HandOverParams,
        Session,
        "Hands a session over to another of its participants, with a note. The event lists what is waiting: questions, a stopped "
        "reply, messages. The session's `needs` include it until that participant does something in the session, or it is handed "
        "over again. It does not change who may answer questions.",
        errors=(e.SessionNotFound, e.SessionArchived),
        causes=("handedOver",),
    ),
    Method(
        "session/setBudget",
        p.SetBudgetParams,
        Session,
        "Changes the limit for the cost of models in a session, in US dollars; `null` removes it. The server checks the cost of "
        "the session before each request to a model, including requests of agents that agents ask, and for summaries. "
        'If the budget is used up, the session is paused (`pauseReason` "budget"), and `session/resume` is refused '
        "until the budget is raised. The last request may exceed the budget a little. A model with an unknown price counts as "
        "free. A fork has the budget of its parent, and its cost starts at zero. A paused session stays paused.",
        errors=_GONE,
        causes=("budgetChanged",),
    ),
    Method(
        "session/archive",
        p.SessionParams,
        Session,
        "Hides a session from lists. It accepts no messages until it is unarchived.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("archived",),
    ),
    Method(
        "session/unarchive",
        p.SessionParams,
        Session,
        "Restores an archived session to its previous state: active or paused.",
        errors=_GONE,
        causes=("unarchived",),
    ),
    Method(
        "session/delete",
        p.SessionParams,
        p.Empty,
        "Deletes a session and its messages permanently. Its forks keep all their messages. A session that cannot be read "
        "(`sessionUnreadable`) can be deleted, too, unless a process that is alive is writing a reply in it.",
        errors=(e.SessionNotFound, e.NotPermitted),
    ),
    Method(
        "session/share",
        p.ShareParams,
        Session,
        "Gives a person a role in a session, which replaces their earlier role: `reader` (reads it), `commenter` (also leaves "
        "comments, see `session/comment`), `writer` (also works in it) or `owner` (also shares, archives and deletes it). The "
        "database enforces roles. Refused if the database has no logins (SQLite), for callers who are not owners, and if no "
        "owner would be left. A role below `writer` cancels the person's waiting messages.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("shared", "replyFinished"),
    ),
    Method(
        "session/unshare",
        p.UnshareParams,
        Session,
        "Removes a person's role in a session. They no longer see it, except for their own forks of it. Refused in the same "
        "cases as `session/share`.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("unshared", "replyFinished"),
    ),
    Method(
        "session/people",
        p.PeopleParams,
        r.People,
        "Lists the people with a role in a session, the caller's role, and the people that it can be shared with. Sharing masks "
        "nothing: with `secrets`, the answer says how many keys, tokens and passwords the people would see.",
        errors=_GONE,
    ),
    Method(
        "session/search",
        p.SearchParams,
        r.SearchResult,
        "Searches the text of all messages for all words of `query`; the last may be the beginning of a word. The best matches "
        "come first; if 500 or more messages match, the newest come first. `workspaceFolder` selects the sessions as for "
        "`session/list`.",
    ),
    Method(
        "session/export",
        p.ExportParams,
        r.Export,
        "Returns a whole session as Markdown, as JSON, or as one self-contained HTML file; with `uri`, writes it to that file. "
        "An export of more than 32 MiB must be written to a file. Everything that looks like a key, a token or a password is "
        "masked as `[masked: …]`, except with `unmasked`; the beginning of the export then says so.",
        errors=_GONE,
    ),
    Method(
        "session/compact",
        p.SessionParams,
        Session,
        "Summarises the older part of a session for the model. The log keeps everything.",
        errors=(e.SessionNotFound, *_AGENTS, e.ModelUnavailable, e.NotPermitted),
        causes=("compacted", "spent"),
    ),
    Method(
        "session/window",
        p.SessionParams,
        r.WindowUse,
        "Returns how much of its model's context window a session uses, and how much of it was summarised.",
        errors=(e.SessionNotFound, *_AGENTS, e.ModelUnavailable),
    ),
    Method(
        "session/answer",
        p.AnswerParams,
        p.Empty,
        "Answers a permission request of any agent in any process. The first answer counts; a later one gets "
        "`notPermitted`. `session` also allows what the question's `scope` covers in later replies to messages of the "
        "participant who answers, only in this session.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("permissionAnswered",),
    ),
    Method(
        "permission/keep",
        p.PermissionKeepParams,
        r.KeptPermission,
        "Allows permanently what the answer `session` to an open question would allow: in sessions of this session's folder, or "
        "in all. The permission is stored in a file of the person and is valid on this machine, for replies to their own "
        "messages. This does not answer the question, which stays open.",
        errors=(e.SessionNotFound, e.NotPermitted),
        verb="keepPermission",
    ),
    Method(
        "permission/list",
        p.Empty,
        r.KeptPermissionList,
        "Lists the person's permanent permissions on this machine.",
        errors=(e.NotPermitted,),
        verb="permissions",
    ),
    Method(
        "permission/remove",
        p.PermissionRemoveParams,
        p.Empty,
        "Removes a permanent permission. From then on, agents ask again.",
        errors=(e.NotPermitted,),
        verb="removePermission",
    ),
    Method(
        "session/questions",
        p.QuestionListParams,
        r.QuestionList,
        "Lists open permission requests: of one session, of the sessions of the given workspace folder (default: of the open "
        "folders), or of all sessions for `*`.",
        errors=_GONE,
    ),
    Method(
        "change/list",
        p.ChangeListParams,
        r.ChangeList,
        "Lists the changes that agents made to files: in the reply `messageId` (or in the reply to the message with that id; "
        "`last` is the newest reply that changed files), since the message `since`, in the revert `revertId`, or in the whole "
        "session. The state of each change is read from the current files, whoever changed them since. With `texts`, `before` "
        "is each file's text without the changes, for an editor's own diff view. Changes by commands are unknown: `commands` "
        "lists the commands that ran.",
        errors=(e.SessionNotFound, e.MessageNotFound),
        verb="changes",
    ),
    Method(
        "change/revert",
        p.ChangeRevertParams,
        r.Reverted,
        "Reverts changes that `change/list` lists: all of them, those of the file `uri`, or one `hunk` of it. `since` a message "
        "restores the files from before it; `revertId` undoes a revert. Files are changed through the editor, as one undo step, "
        "or on disk if the editor cannot; created files are deleted, and deleted files are created again. Other changes of the "
        "files stay. If somebody changed the same lines later, nothing is changed: `notPermitted`, with `files: [{ uri, reason, "
        "patch? }]`, where `patch` shows the later changes. This needs no permission. It is refused where agents may only read, "
        "and for files that agents may never write.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("changesReverted",),
        verb="revert",
    ),
    Method(
        "finding/list",
        p.FindingListParams,
        r.FindingList,
        "Lists findings, oldest first: of a session (default: of the sessions of the open folders), of a document, in a state. "
        "A list of more than 4 MiB is split: pass `nextCursor` as `cursor` to get the next page.",
        errors=_GONE,
        verb="findings",
    ),
    Method(
        "finding/update",
        p.FindingUpdateParams,
        Finding,
        "Sets the state of a finding to open, fixed or dismissed, with a reason.",
        causes=("findingChanged",),
        verb="updateFinding",
    ),
    Method(
        "agent/list",
        p.AgentListParams,
        r.AgentList,
        "Lists the available agents, and broken agents with their problem; `default` is the agent of new sessions.",
        verb="agents",
    ),
    Method(
        "skill/list",
        p.Empty,
        r.SkillList,
        "Lists the skills of the workspace folders and of the user. A skill that no agent can read has a problem. Of several "
        "skills with one name, the nearest is used. List them again after `agent/changed`.",
        verb="skills",
    ),
    Method(
        "prompt/list",
        p.Empty,
        r.PromptFileList,
        "Lists prompt files: reusable messages. They are those of the user and of trusted folders, including the folders "
        "of Copilot and Claude Code. Of several with one name, the nearest is used.",
        verb="prompts",
    ),
    Method(
        "prompt/expand",
        p.PromptExpandParams,
        r.ExpandedPrompt,
        "Returns the message that results from a prompt file and its arguments. Does not send it.",
        verb="expandPrompt",
    ),
    Method(
        "model/list",
        p.Empty,
        r.ModelList,
        "Lists the available models (of providers with a key, of a local Ollama, the embedded one), and why others "
        "are not available.",
        verb="models",
    ),
    Method(
        "model/reply",
        p.ModelReplyParams,
        ModelReply,
        "Asks a model outside of any session: for programs with their own instructions and messages, such as other extensions "
        "of an editor that use its models. Without `model`, the default model answers. No agent is invoked, and nothing is "
        "stored: use a session for work that is to be shared, resumed or found again. The model may request calls of the given "
        "`tools`. The caller decides whether to make them, and sends the messages again with each call and its `result`. With "
        "`partialResultToken`, `$/progress` sends `{ text }` pieces that join to the text of the answer, only to the caller. "
        "`$/cancelRequest` ends the request.",
        errors=(e.ModelUnavailable,),
        verb="modelReply",
    ),
    Method(
        "session/event",
        p.EventParams,
        None,
        "An event of a session that the client has open, from any process. Needs the client capability `events`.",
        direction="server → client",
    ),
    Method(
        "session/delta",
        p.DeltaParams,
        None,
        "New text of a reply in a session that the client has open. `offset` is the number of code points of that part before "
        "`text`: a client that misses text fetches it with `session/history`. The deltas of a part join to exactly its final "
        "text. Needs the client capability `events`.",
        direction="server → client",
    ),
    Method(
        "session/changed",
        p.SessionChangedParams,
        None,
        "A session of the open folders, or one that the client has open, was created, changed or deleted. For lists. Needs the "
        "client capability `events`.",
        direction="server → client",
    ),
    Method(
        "agent/changed",
        p.Empty,
        None,
        "Definitions of agents or skills have changed: on disk, or because folders or trust changed. List them again.",
        direction="server → client",
    ),
    Method(
        "document/save",
        p.SaveParams,
        p.Saved,
        "An agent edited documents without unsaved changes: save them, like the editor's own command, so that programs "
        "see the edits. The request only includes documents that were saved before an agent edited them. Needs the client "
        "capability `saves`. Without it, an edit of an open document stays unsaved, and the agent's result says so; a file that "
        "is not open is written on disk.",
        direction="server → client",
    ),
    Method(
        "session/requestPermission",
        p.PermissionParams,
        p.PermissionDecision,
        "An agent needs permission for a tool call. Needs the client capability `permissions`; without "
        "it the question is sent as `window/showMessageRequest`.",
        direction="server → client",
    ),
)

REQUESTS: dict[str, Method] = {m.name: m for m in METHODS if m.direction == "client → server" and not m.planned}
"""The requests that this version answers."""

NOTIFICATIONS: dict[str, Method] = {m.name: m for m in METHODS if m.direction == "server → client" and m.result is None}
"""The notifications that this version sends."""

COMMANDS: dict[str, Method] = {m.command: m for m in REQUESTS.values()}
"""The commands of `workspace/executeCommand`, by name."""

EVENTS: tuple[str, ...] = tuple(NOTIFICATIONS)
"""The names of the notifications, as `initialize` announces them."""
