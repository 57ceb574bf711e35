"""Results of the methods of `Sessions` that return more than a session, as they are sent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from sessionls.domain.events import Event
from sessionls.domain.model import (
    Agent,
    Finding,
    InstallableAgent,
    Message,
    ModelInfo,
    OpenQuestion,
    Participant,
    Person,
    Role,
    Session,
    Skill,
    Wire,
)

__all__ = [
    "AgentList",
    "AnsweredExchange",
    "ChangeHunk",
    "ChangeList",
    "CommandRun",
    "Exchange",
    "ExpandedPrompt",
    "Export",
    "FileChange",
    "FindingList",
    "History",
    "Hit",
    "Image",
    "KeptPermission",
    "KeptPermissionList",
    "ModelList",
    "Opened",
    "People",
    "PromptFile",
    "PromptFileList",
    "QuestionList",
    "RevertDone",
    "Reverted",
    "SearchResult",
    "SessionList",
    "SessionQuestion",
    "SkillList",
    "WindowUse",
]


class Image(Wire):
    """An image of a message. `data` are its bytes in base64, `size` is their number; `width` and `height` are in pixels."""

    sha256: str
    mime_type: str
    size: int
    width: int
    height: int
    data: str


class ChangeHunk(Wire):
    """Lines of a file that agents changed, and their state: `applied`, `reverted` (the lines are as before), or `overwritten`
    (somebody changed the same lines later, so this cannot be reverted). `line` is their current line (zero-based). `patch` has
    the removed and added lines; absent if it is very long.
    """

    id: str
    state: Literal["applied", "reverted", "overwritten"]
    added: int
    removed: int
    line: int | None = None
    patch: str | None = None


class FileChange(Wire):
    """The changes that agents made to a file in the replies `messageIds`. `state` is the state of all hunks, or `partly` if they
    differ; absent if it is not known, and then `notice` says why. `before` is the text without the applied changes, if requested;
    absent if the file did not exist before.
    """

    uri: str
    kind: Literal["edited", "created", "deleted"]
    state: Literal["applied", "reverted", "partly", "overwritten"] | None = None
    added: int
    removed: int
    hunks: list[ChangeHunk]
    message_ids: list[str] = []
    before: str | None = None
    notice: str | None = None


class RevertDone(Wire):
    """Changes that somebody reverted (see the event `changesReverted`)."""

    revert_id: str
    at: str
    by: Participant | None = None
    message_id: str | None = None
    since: str | None = None
    of: str | None = None
    uris: list[str]


class CommandRun(Wire):
    """A command, or a call of an MCP server's tool, whose changes are unknown and cannot be reverted."""

    message_id: str
    tool: str
    summary: str


class ChangeList(Wire):
    """`commands` are the newest commands that ran. Their changes are not among the `files`."""

    files: list[FileChange]
    reverts: list[RevertDone] | None = None
    commands: list[CommandRun] | None = None


class Reverted(Wire):
    """`uris` are the files that were changed. `notices` say which files turned out differently or are not saved."""

    revert_id: str
    uris: list[str]
    notices: list[str] | None = None


class SessionList(Wire):
    """`you` is the participant who asks; the `needs` of each session include what waits for them."""

    sessions: list[Session]
    next_cursor: str | None = None
    you: Participant | None = None


class Opened(Wire):
    """A session with its newest messages, oldest first. `more`: there are older messages.

    `events` are the events after the requested number. They are absent if they would take more than a few megabytes: then use the
    messages instead.
    """

    session: Session
    messages: list[Message]
    more: bool
    participants: list[Participant]
    seq: int
    events: list[Event] | None = None


class History(Wire):
    messages: list[Message]
    more: bool


class Exchange(Wire):
    """A participant's message and the reply to it; absent if the message mentions people and names no agent."""

    message: Message
    reply: Message | None = None


class AnsweredExchange(Exchange):
    reply: Message


class People(Wire):
    """The people with access to a session, and the `role` of the participant who asks. `known` are the people that it can be
    shared with.

    `notice` explains access if the database has no logins. `secrets`, if it was asked for, is how many keys, tokens and passwords
    whoever may read the session sees in it.
    """

    people: list[Person]
    role: Role
    known: list[Participant] = []
    notice: str | None = None
    secrets: int | None = None


class Hit(Wire):
    session: Session
    message_id: str
    snippet: str


class SearchResult(Wire):
    hits: list[Hit]


class SessionQuestion(Wire):
    """An open permission request and its session."""

    session_id: str
    title: str
    question: OpenQuestion


class QuestionList(Wire):
    questions: list[SessionQuestion]


class KeptPermission(Wire):
    """A permanent permission of the person on this machine: for calls of `tool` that `scope` covers, in sessions of `folder`
    (absent: in all sessions). Like an answer for a session, it is only valid for replies to their own messages.
    """

    id: str
    tool: str
    risk: Literal["read", "write", "execute", "network"]
    scope: str
    folder: str | None = None
    created_at: str

    def covers(self, tool: str, scope: str, folders: Collection[str]) -> bool:
        return (self.tool, self.scope) == (tool, scope) and (self.folder is None or self.folder in folders)


class KeptPermissionList(Wire):
    permissions: list[KeptPermission]


class PromptFile(Wire):
    """A reusable message. `arguments` describes its arguments, if it has any. `agent` answers the message (default: the session's
    agent). With a `problem` it cannot be used.
    """

    name: str
    source: str
    description: str = ""
    arguments: str | None = None
    agent: str | None = None
    problem: str | None = None


class PromptFileList(Wire):
    prompts: list[PromptFile]


class ExpandedPrompt(Wire):
    """The message that results from a prompt file, and the agent that it names."""

    text: str
    agent: str | None = None


class WindowUse(Wire):
    """How much of its model's context window a session uses, in tokens. `used` is an estimate for instructions and messages,
    without the descriptions of tools. At `summarisedAt`, older messages are summarised before the next reply. `summary` replaces
    the first `summarised` messages, which the log keeps. `window` is absent if it is unknown, as for agents with their own model.
    """

    model: str
    used: int
    window: int | None = None
    summarised_at: int | None = None
    summarised: int = 0
    summary: str | None = None


class Export(Wire):
    """`content` is absent if the export was written to a file. `masked` is how many keys and tokens are masked in it."""

    content: str | None = None
    masked: int = 0


class FindingList(Wire):
    findings: list[Finding]
    next_cursor: str | None = None


class AgentList(Wire):
    """`installable` are known external agents that are not installed on this machine; absent if there are none."""

    agents: list[Agent]
    default: str
    installable: list[InstallableAgent] | None = None


class SkillList(Wire):
    skills: list[Skill]


class ModelList(Wire):
    models: list[ModelInfo]
