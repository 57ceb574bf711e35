"""What the verbs of `Sessions` answer where it is more than a session: the result objects of the wire."""

from __future__ import annotations

from sessionls.domain.events import Event
from sessionls.domain.model import Agent, Finding, InstallableAgent, Message, ModelInfo, OpenQuestion, Participant, Session, Wire

__all__ = [
    "AgentList",
    "Exchange",
    "Export",
    "FindingList",
    "History",
    "Hit",
    "ModelList",
    "Opened",
    "QuestionList",
    "SearchResult",
    "SessionList",
    "SessionQuestion",
]


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


class ModelList(Wire):
    models: list[ModelInfo]
