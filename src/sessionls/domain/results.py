"""What the verbs of `Sessions` answer where it is more than a session: the result objects of the wire."""

from __future__ import annotations

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
    Session,
    Skill,
    Wire,
)

__all__ = [
    "AgentList",
    "ChangeHunk",
    "ChangeList",
    "CommandRun",
    "Exchange",
    "Export",
    "FileChange",
    "FindingList",
    "History",
    "Hit",
    "ModelList",
    "Opened",
    "QuestionList",
    "RevertDone",
    "Reverted",
    "SearchResult",
    "SessionList",
    "SessionQuestion",
    "SkillList",
]


class ChangeHunk(Wire):
    """Lines of a file that agents changed, and whether that stands: `applied`, `reverted` (the file is as it was before), or
    `overwritten` (somebody changed the same lines later, so it cannot be taken back). `line` is where it stands now (zero-based).
    `patch` is what was taken out and put in; left out where it is very long.
    """

    id: str
    state: Literal["applied", "reverted", "overwritten"]
    added: int
    removed: int
    line: int | None = None
    patch: str | None = None


class FileChange(Wire):
    """What agents changed in a file, by the replies `messageIds`. `state` is that of all hunks, `partly` where they differ; left
    out where it is not known, and `notice` says why. `before` is the text without the changes that stand, where it was asked
    for; left out for a file that would not be there.
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
    """Changes that somebody took back (see the event `changesReverted`)."""

    revert_id: str
    at: str
    by: Participant | None = None
    message_id: str | None = None
    since: str | None = None
    of: str | None = None
    uris: list[str]


class CommandRun(Wire):
    """A command, or a call of a server's tool, whose changes are not known and cannot be taken back."""

    message_id: str
    tool: str
    summary: str


class ChangeList(Wire):
    """`commands` are the newest that ran; what they changed is not among the `files`."""

    files: list[FileChange]
    reverts: list[RevertDone] | None = None
    commands: list[CommandRun] | None = None


class Reverted(Wire):
    """`uris` are the files that were changed. `notices` say what came out otherwise, or is not saved."""

    revert_id: str
    uris: list[str]
    notices: list[str] | None = None


class SessionList(Wire):
    sessions: list[Session]
    next_cursor: str | None = None


class Opened(Wire):
    """A session as it was found: its newest messages, oldest first; `more`: there are older ones.

    `events` are those after the number asked for. They are left out where they would be more than a few megabytes: then the
    messages say where the session stands.
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
    """A participant's message and the reply to it."""

    message: Message
    reply: Message


class Hit(Wire):
    session: Session
    message_id: str
    snippet: str


class SearchResult(Wire):
    hits: list[Hit]


class SessionQuestion(Wire):
    """An open question for permission, and the session it is asked in."""

    session_id: str
    title: str
    question: OpenQuestion


class QuestionList(Wire):
    questions: list[SessionQuestion]


class Export(Wire):
    """`content` is left out where the export was written to a file."""

    content: str | None = None


class FindingList(Wire):
    findings: list[Finding]
    next_cursor: str | None = None


class AgentList(Wire):
    """`installable` are the external agents that are known and not on this machine; absent where there is none."""

    agents: list[Agent]
    default: str
    installable: list[InstallableAgent] | None = None


class SkillList(Wire):
    skills: list[Skill]


class ModelList(Wire):
    models: list[ModelInfo]
