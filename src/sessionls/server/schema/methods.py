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
    e.SessionUnreadable,
)


@dataclass(frozen=True, slots=True)
class Method:
    """One custom method.

    `params` is the model of its params (any of several for `session/event`), `result` that of its result, None for a
    notification. `errors` are those it can answer besides `invalidParams` and `storeUnavailable`, which every request can, and
    `sessionUnreadable`, which can stand for `sessionNotFound`.
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
        "Lists sessions, newest first; sessions with an open request for permission come before all others. Lists the sessions "
        "of the given workspace folder, without one those of the open folders, and all sessions for `*`. A session belongs to "
        "its folders and to their repositories. Without `state`, archived sessions are left out. `query`: words of the title.",
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
        "Joins a session: after the answer, its events and deltas arrive here. Returns its newest `limit` messages, oldest "
        "first, including the current text of a reply that is being written; fewer messages, but at least one, if they would "
        "exceed 4 MiB. `more` is true if there are older ones. `participants` have the session open in a process that is "
        "alive; a participant whose process has ended leaves within seconds (`participantLeft`). With `after`, also returns "
        "the events with higher numbers, unless they would exceed 4 MiB. No notification of the session comes before the "
        "answer, and none after it is missed.",
        errors=_GONE,
        causes=("participantJoined",),
    ),
    Method(
        "session/close",
        p.SessionParams,
        p.Empty,
        "Leaves a session: its events and deltas no longer arrive here. A reply that is being written continues.",
        errors=_GONE,
        causes=("participantLeft",),
    ),
    Method(
        "session/history",
        p.HistoryParams,
        r.History,
        "Pages back: returns the newest `limit` messages before message `before`, oldest first, and whether there are older "
        "ones. Returns fewer messages, but at least one, if they would exceed 4 MiB.",
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
        " text of the reply. A text that mentions other participants of the session (`@name`, outside of code) notifies them "
        "(`needs`); where it names no `agent`, no agent wakes, and there is no `reply`. A name that an agent has is the agent's, "
        "which the message's `notices` say.",
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
        "Cancels the reply that is being written, no matter whose message it answers. Its text so far is kept.",
        errors=_GONE,
        causes=("replyFinished",),
    ),
    Method(
        "session/withdraw",
        p.WaitingMessageParams,
        Session,
        "Withdraws a message whose reply has not begun: it is removed from the session, and a client that waits for its reply "
        "gets `messageWithdrawn`. Every participant may do this. Refused if the reply has begun: use `session/cancel`.",
        errors=(e.SessionNotFound, e.MessageNotFound, e.NotPermitted),
        causes=("messageWithdrawn",),
    ),
    Method(
        "session/sendNow",
        p.WaitingMessageParams,
        Session,
        "Answers a waiting message now: cancels the reply that is being written, which keeps its text, gives up a stopped "
        "reply, and answers this message next, with a separate reply even if it was sent to steer. Does nothing if it is "
        "already being answered. If the process that sent the message is gone, it is answered here, with the keys, the "
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
        "Changes the default agent and the session's model; without `model`, to the agent's model.",
        errors=(e.SessionNotFound, *_AGENTS),
        causes=("agentSwitched",),
    ),
    Method(
        "session/pause",
        p.SessionParams,
        Session,
        "Pauses a session: a reply that is being written stops at its next safe point and keeps its results. A paused session "
        "accepts no messages.",
        errors=(e.SessionNotFound, e.SessionArchived),
        causes=("paused", "replyFinished"),
    ),
    Method(
        "session/resume",
        p.SessionParams,
        Session,
        "Resumes a paused session, or a reply that was interrupted or failed. Answers immediately; events report the progress "
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
        "Changes how many US dollars models may cost in a session; `null` removes the limit. Before each request to a model, "
        "those of agents that agents ask and those for a summary included, what the session has cost is"
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
        "Deletes a session and its messages permanently. Its forks keep all their messages.",
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
        "Returns a whole session as Markdown, as JSON, or as one self-contained HTML file; with `uri`, writes it to that file. "
        "An export of more than 32 MiB must be written to a file. Everything that looks like a key, a token or a password is "
        "masked as `[masked: …]`, except with `unmasked`; the export then says so at its top.",
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
        "Returns how much of its model's window a session takes, and how much of it was summarised.",
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
        "Lists open requests for permission: of one session, or else of the sessions of the given workspace folder, without "
        "one of those of the open folders, and of all sessions for `*`.",
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
        "Sets the state of a finding to open, fixed or dismissed, with a reason.",
        causes=("findingChanged",),
        verb="updateFinding",
    ),
    Method(
        "agent/list",
        p.AgentListParams,
        r.AgentList,
        "Lists the agents that can be invoked here, and broken agents with their problem; `default` is the agent of new "
        "sessions.",
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
        "prompt/list",
        p.Empty,
        r.PromptFileList,
        "Lists prompt files: messages that are written once and sent often. They are the user's own and those of trusted "
        "folders, also where Copilot and Claude Code keep theirs. Of several with one name the nearest counts.",
        verb="prompts",
    ),
    Method(
        "prompt/expand",
        p.PromptExpandParams,
        r.ExpandedPrompt,
        "Gives the message that a prompt file makes of its arguments. It sends nothing: that is up to the one who asked.",
        verb="expandPrompt",
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
        "An event of a session that is open here, from any process. Needs the client capability `events`.",
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
