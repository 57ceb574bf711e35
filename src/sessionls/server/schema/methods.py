"""Every custom method of the protocol, in one table: params, result, direction, errors, and what it does.

docs/protocol.md and docs/protocol.schema.json are generated from here (`make docs`), and the server answers exactly the
requests that stand here. No pygls in this file: whoever wants to know the protocol can read it alone.
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
)


@dataclass(frozen=True, slots=True)
class Method:
    """One custom method.

    `params` is the model of its params (any of several for `session/event`), `result` that of its result, None for a
    notification. `errors` are those it can answer besides `invalidParams` and `storeUnavailable`, which every request can.
    `causes` are the kinds of event it adds to the log. `planned`: the name is reserved; this version does
    not answer it yet. `verb` names the command where the second half of `name` would not say enough.
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
        """The command of `workspace/executeCommand` that does the same: `sessionls.<verb>`."""
        return f"sessionls.{self.verb or self.name.partition('/')[2]}"


# -- the table -----------------------------------------------------------------------------------------------------------

_GONE = (e.SessionNotFound,)
_AGENTS = (e.AgentNotFound, e.AgentUnavailable)

METHODS: tuple[Method, ...] = (
    Method(
        "session/create",
        p.CreateParams,
        Session,
        "Creates a session. It is tied to the given workspace folder, else to all open ones. Without a title it gets one from"
        " its first message. `model` is the model that the default agent uses here in place of its own. `budget`"
        " is how many US dollars models may cost in it (see `session/setBudget`).",
        errors=_AGENTS,
        causes=("created",),
    ),
    Method(
        "session/list",
        p.ListParams,
        r.SessionList,
        "Lists sessions, those with an open question for permission first, newest first each: those of the given workspace "
        "folder, without one those of the open folders, all for "
        "`*`. A session belongs to its folders and to their repositories. "
        "Without `state`, archived sessions are left out. `query` are words of the title.",
    ),
    Method(
        "session/get",
        p.SessionParams,
        Session,
        "Gives a session as it is now.",
        errors=_GONE,
    ),
    Method(
        "session/open",
        p.OpenParams,
        r.Opened,
        "Joins a session: from its answer on, its events and deltas arrive here. Gives its newest `limit` messages, oldest "
        "first, a reply being written with its text so far; fewer, but one at least, where they would be more than 4 MiB, and "
        "`more` where there are older ones. `participants` are those who have it open in a process that lives; whoever's "
        "process is gone leaves within seconds (`participantLeft`). With `after`, also the events numbered above that one, "
        "unless they would be more than 4 MiB. No notification of the session comes before the answer, and "
        "none is missed after it.",
        errors=_GONE,
        causes=("participantJoined",),
    ),
    Method(
        "session/close",
        p.SessionParams,
        p.Empty,
        "Leaves a session: its events and deltas no longer arrive here. A reply being written goes on.",
        errors=_GONE,
        causes=("participantLeft",),
    ),
    Method(
        "session/history",
        p.HistoryParams,
        r.History,
        "Pages back: the newest `limit` messages before message `before`, oldest first, and whether there are older ones. Fewer, "
        "but one at least, where they would be more than 4 MiB.",
        errors=(e.SessionNotFound, e.MessageNotFound),
    ),
    Method(
        "context/image",
        p.ImageParams,
        r.Image,
        "The bytes of an image that came with a message of the session, or of what it is a fork of. Messages and events name it"
        " by its `sha256`.",
        errors=_GONE,
    ),
    Method(
        "session/message",
        p.MessageParams,
        r.Exchange,
        "Sends a message, and answers when the reply to it has ended or stopped. `agent` writes this one reply in place of "
        "the default agent, with its own prompt, tools, model and configuration; the next message goes to the default again. "
        "`model` is the model for this one reply. The text of selections, files and symbols is filled in from the editor's "
        "buffers. While another reply is being written the message waits its turn; with `steer` it is handed to that reply, if "
        "that answers the same participant or whoever runs it set `answer_others`. "
        "`replaces` is a message of one's own that waits: this one takes its place in the queue, and whoever waited for that "
        "one's reply is answered `messageWithdrawn`. Where its reply has begun the request is refused, and nothing is sent. "
        "`$/cancelRequest` cancels the reply; what it wrote stays. With `workDoneToken`, `$/progress` tells that a reply is "
        "being written, and can cancel it; with `partialResultToken`, `$/progress` brings `{ text }`, pieces that join to the"
        " text of the reply.",
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
        "Leaves a message that wakes no agent, and answers at once. It stands in the session from now on, also while a reply is "
        "being written, and agents read it with the messages that follow.",
        errors=(e.SessionNotFound, e.SessionPaused, e.SessionArchived, e.NotPermitted),
        causes=("messageSent",),
    ),
    Method(
        "session/cancel",
        p.SessionParams,
        Session,
        "Cancels the reply being written, whoever asked for it. What it wrote stays.",
        errors=_GONE,
        causes=("replyFinished",),
    ),
    Method(
        "session/withdraw",
        p.WaitingMessageParams,
        Session,
        "Takes a message back that waits for its reply to begin: it leaves the session, and whoever waits for its reply is "
        "answered `messageWithdrawn`. Anybody may. Once its reply has begun it is refused: `session/cancel` ends that.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("messageWithdrawn",),
    ),
    Method(
        "session/sendNow",
        p.WaitingMessageParams,
        Session,
        "Goes on with a waiting message at once: the reply being written is cancelled and keeps what it wrote, one that stopped "
        "is given up, and this message is answered next, by a reply of its own also where it was to steer. Where it is being "
        "answered already nothing happens. If the process that the message was sent from is gone, it is answered here, with the "
        "keys, the workspace and the permissions of whoever calls this.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.SessionPaused, e.SessionArchived, e.NotPermitted),
        causes=("queueOrdered", "replyFinished", "replyStarted"),
    ),
    Method(
        "session/reorder",
        p.ReorderParams,
        Session,
        "Answers these waiting messages first, in this order; those not named follow as they stand. One whose reply has begun "
        "is passed over; where none of them waits any more it is refused.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("queueOrdered",),
    ),
    Method(
        "session/switchAgent",
        p.SwitchAgentParams,
        Session,
        "Changes the default agent, and with it the session's model; without `model` the agent's own.",
        errors=(e.SessionNotFound, *_AGENTS),
        causes=("agentSwitched",),
    ),
    Method(
        "session/pause",
        p.SessionParams,
        Session,
        "Pauses a session: a reply being written stops at its next safe point with all it has done, and no message is taken.",
        errors=(e.SessionNotFound, e.SessionArchived),
        causes=("paused", "replyFinished"),
    ),
    Method(
        "session/resume",
        p.SessionParams,
        Session,
        "Goes on with a paused session, or with a reply that was interrupted or failed. Answers at once; the reply goes on, "
        "and its events tell. Refused (`notPermitted`) while the session's budget is used up.",
        errors=(e.SessionNotFound, e.SessionArchived, e.NotPermitted),
        causes=("resumed", "replyStarted"),
    ),
    Method(
        "session/fork",
        p.ForkParams,
        Session,
        "Makes a new session that holds all up to and with message `at` (without it: all that is complete), by reference. The"
        " parent is not disturbed, and what happens to it later does not change the fork.",
        errors=(e.SessionNotFound, e.MessageNotFound, *_AGENTS),
        causes=("created", "forked"),
    ),
    Method(
        "session/rename",
        p.RenameParams,
        Session,
        "Gives a session another title.",
        errors=_GONE,
        causes=("renamed",),
    ),
    Method(
        "session/handOver",
        p.HandOverParams,
        Session,
        "Hands a session to another participant of it, with a note. The event says what waits there: questions, a reply that "
        "stopped, messages. It stands in the session's `needs` until that participant does something in it, or it is handed on. "
        "Who may answer what does not change by it.",
        errors=(e.SessionNotFound, e.SessionArchived),
        causes=("handedOver",),
    ),
    Method(
        "session/setBudget",
        p.SetBudgetParams,
        Session,
        "Changes how many US dollars models may cost in a session, or with `null` lets them cost whatever they do. Before each "
        "request to a model, those of agents that agents ask and those for a summary included, what the session has cost is "
        'compared with it; where it is used up the session is paused (`pauseReason` "budget"), and `session/resume` is refused '
        "until the budget is raised. The last request may go a little beyond it. A model whose price is not known costs nothing "
        "here. A fork has the budget of its parent, and has spent nothing of it. A paused session stays paused.",
        errors=_GONE,
        causes=("budgetChanged",),
    ),
    Method(
        "session/archive",
        p.SessionParams,
        Session,
        "Hides a session from lists. It takes no message until it is unarchived.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("archived",),
    ),
    Method(
        "session/unarchive",
        p.SessionParams,
        Session,
        "Brings an archived session back, as it was: one that was paused is paused.",
        errors=_GONE,
        causes=("unarchived",),
    ),
    Method(
        "session/delete",
        p.SessionParams,
        p.Empty,
        "Removes a session and its messages for good. Forks of it stay whole.",
        errors=(e.SessionNotFound, e.NotPermitted),
    ),
    Method(
        "session/share",
        p.ShareParams,
        Session,
        "Gives somebody a role in a session, in place of the one that they had: `reader` (reads it), `commenter` (also leaves "
        "comments, see `session/comment`), `writer` (also works in it) or `owner` (also shares, archives and deletes it). The "
        "database enforces it. Refused where it does not know who somebody is (SQLite), for anybody but an owner, and where no "
        "owner would be left. With a role below `writer`, what somebody has waiting is cancelled.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("shared", "replyFinished"),
    ),
    Method(
        "session/unshare",
        p.UnshareParams,
        Session,
        "Takes somebody's role in a session away. They see no more of it from then on, but for forks that they made. Refused as "
        "for `session/share`.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("unshared", "replyFinished"),
    ),
    Method(
        "session/people",
        p.SessionParams,
        r.People,
        "Lists who has which role in a session, the role of whoever asks, and the people that it can be shared with.",
        errors=_GONE,
    ),
    Method(
        "session/search",
        p.SearchParams,
        r.SearchResult,
        "Searches the text of all messages for all words of `query`; the last may be the beginning of a word. The best matches "
        "come first; where 500 or more messages match, the newest do. Which sessions are searched follows `workspaceFolder`, as "
        "for `session/list`.",
    ),
    Method(
        "session/export",
        p.ExportParams,
        r.Export,
        "Gives a whole session as Markdown, as JSON, or as one self-contained HTML file; with `uri`, writes it to that file. One "
        "of more than 32 MiB can only be written to a file. What looks like a key, a token or a password is masked as "
        "`[masked: …]`, unless `unmasked` asks for it as it is; then the export says so at its top.",
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
        "Says how much of its model's window a session takes, and what was summarised of it.",
        errors=(e.SessionNotFound, *_AGENTS, e.ModelUnavailable),
    ),
    Method(
        "session/answer",
        p.AnswerParams,
        p.Empty,
        "Answers a question for permission, whoever asked it and wherever. The first answer counts; one that comes too late is "
        "`notPermitted`. `session` also grants what the question's `scope` covers to later replies to messages of the "
        "participant who answers, in this session alone.",
        errors=(e.SessionNotFound, e.NotPermitted),
        causes=("permissionAnswered",),
    ),
    Method(
        "permission/keep",
        p.PermissionKeepParams,
        r.KeptPermission,
        "Keeps for good what the answer `session` to an open question would cover: in sessions of this session's folder, or of "
        "all. It is written to a file of the person's own and counts on this machine, for replies to their own messages. It "
        "answers nothing: the question stays open.",
        errors=(e.SessionNotFound, e.NotPermitted),
        verb="keepPermission",
    ),
    Method(
        "permission/list",
        p.Empty,
        r.KeptPermissionList,
        "Lists what the person allowed for good, on this machine.",
        errors=(e.NotPermitted,),
        verb="permissions",
    ),
    Method(
        "permission/remove",
        p.PermissionRemoveParams,
        p.Empty,
        "Takes back what was allowed for good. What it covers is asked for from then on.",
        errors=(e.NotPermitted,),
        verb="removePermission",
    ),
    Method(
        "session/questions",
        p.QuestionListParams,
        r.QuestionList,
        "Lists the questions for permission that wait for an answer: of a session, else of the sessions of the given "
        "workspace folder, without one of those of the open folders, of all for `*`.",
        errors=_GONE,
    ),
    Method(
        "change/list",
        p.ChangeListParams,
        r.ChangeList,
        "Lists what agents changed in files: in the reply `messageId` (or in the reply to the message of that id; `last` is the "
        "newest reply that changed files), since the message `since`, in the revert `revertId`, or in the whole session. What of "
        "it stands is read from the files as they are now, whoever changed them since. With `texts`, `before` is each file's "
        "text without the changes, for an editor's own view of differences. What commands changed is not known: `commands` names "
        "those that ran.",
        errors=(e.SessionNotFound, e.MessageNotFound),
        verb="changes",
    ),
    Method(
        "change/revert",
        p.ChangeRevertParams,
        r.Reverted,
        "Takes back what `change/list` lists: all of it, that of the file `uri`, or the one `hunk` of it. `since` a message is "
        "back to how files were before it; `revertId` takes a revert back. Files are changed through the editor, as one step to "
        "undo, and where it cannot on disk; created ones are deleted and deleted ones created again. Other changes of the files "
        "stay. Where somebody changed the same lines later, nothing is changed: `notPermitted`, with `files: [{ uri, reason, "
        "patch? }]`, of which `patch` shows what was changed later. Nobody is asked for permission; where agents may only read, "
        "and in files that they never write, it is refused.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("changesReverted",),
        verb="revert",
    ),
    Method(
        "finding/list",
        p.FindingListParams,
        r.FindingList,
        "Lists findings, oldest first: of a session, else of the sessions of the open folders; of a document; in a state. Where "
        "they would be more than 4 MiB there is a `nextCursor`: with it as `cursor` the list goes on.",
        errors=_GONE,
        verb="findings",
    ),
    Method(
        "finding/update",
        p.FindingUpdateParams,
        Finding,
        "Says that a finding is open, fixed or dismissed, and why.",
        causes=("findingChanged",),
        verb="updateFinding",
    ),
    Method(
        "agent/list",
        p.AgentListParams,
        r.AgentList,
        "Lists the agents that can be invoked here and the broken ones with their problem; `default` is that of new sessions.",
        verb="agents",
    ),
    Method(
        "skill/list",
        p.Empty,
        r.SkillList,
        "Lists the skills of the workspace folders and of the user, those that no agent can read with their problem. Of several "
        "with one name the nearest counts. They are listed again after `agent/changed`.",
        verb="skills",
    ),
    Method(
        "model/list",
        p.Empty,
        r.ModelList,
        "Lists what could answer now (providers whose key is set, a local Ollama's models, the embedded one) and why others "
        "cannot.",
        verb="models",
    ),
    Method(
        "model/reply",
        p.ModelReplyParams,
        ModelReply,
        "Asks a model outside of any session: for programs with instructions and messages of their own, such as other "
        "extensions of an editor that use its models. Without `model` the default one answers. No agent is invoked, and nothing"
        " is kept: whatever is to be shared, resumed or found again belongs in a session. The model may ask for the `tools` "
        "that are offered; to call them, or not, is up to the one who asked, who sends the messages again with the call and its"
        " `result`. With `partialResultToken`, `$/progress` brings `{ text }`, pieces that join to the text of the answer, to "
        "the one who asked alone. `$/cancelRequest` ends it.",
        errors=(e.ModelUnavailable,),
        verb="modelReply",
    ),
    Method(
        "session/event",
        p.EventParams,
        None,
        "Something happened in a session that is open here, in whichever process. Needs the client capability `events`.",
        direction="server → client",
    ),
    Method(
        "session/delta",
        p.DeltaParams,
        None,
        "A reply being written in a session that is open here grew. `offset` counts the code points of that part before "
        "`text`: a client that sees a hole asks again with `session/history`. The deltas of a part join to exactly its final "
        "text. Needs the client capability `events`.",
        direction="server → client",
    ),
    Method(
        "session/changed",
        p.SessionChangedParams,
        None,
        "A session of the open folders, or one that is open here, is new, changed or deleted: for lists. Needs the client "
        "capability `events`.",
        direction="server → client",
    ),
    Method(
        "agent/changed",
        p.Empty,
        None,
        "Definitions of agents or skills changed on disk, or others count now because folders or trust changed: list them again.",
        direction="server → client",
    ),
    Method(
        "document/save",
        p.SaveParams,
        p.Saved,
        "An agent edited documents that had no unsaved changes: save them, as the editor's own command does, so that programs "
        "see the edits. Only documents that were saved before an agent edited them are named. Needs the client capability "
        "`saves`; without it an edit of an open document stays unsaved, which the agent is told, and a file that is not open "
        "is written on disk.",
        direction="server → client",
    ),
    Method(
        "session/requestPermission",
        p.PermissionParams,
        p.PermissionDecision,
        "An agent wants to do something that its policy says to ask for. Needs the client capability `permissions`; without "
        "it the question comes as `window/showMessageRequest`.",
        direction="server → client",
    ),
)

REQUESTS: dict[str, Method] = {m.name: m for m in METHODS if m.direction == "client → server" and not m.planned}
"""What this version answers."""

NOTIFICATIONS: dict[str, Method] = {m.name: m for m in METHODS if m.direction == "server → client" and m.result is None}
"""What this version sends."""

COMMANDS: dict[str, Method] = {m.command: m for m in REQUESTS.values()}
"""The same verbs as commands of `workspace/executeCommand`."""

EVENTS: tuple[str, ...] = tuple(NOTIFICATIONS)
"""The names of the notifications, as `initialize` announces them."""
