"""A session, and what waits in it."""

from __future__ import annotations

from typing import Literal

from sessionls.domain.model.base import Line, Shown, Wire
from sessionls.domain.model.people import Participant, Person
from sessionls.domain.model.usage import Usage

__all__ = ["Need", "OpenQuestion", "ParentRef", "Session", "Stopped"]


class ParentRef(Wire):
    """The point where a fork left its parent: it shares the parent's events up to and including `seq`."""

    session_id: str
    seq: int
    message_id: str | None = None


Stopped = Literal["paused", "interrupted", "failed"]


class OpenQuestion(Wire):
    """An open permission request, for which the reply `message_id` waits.

    `summary` is one line, `detail` shows everything (a command, a patch), `scope` is what "allow for this session" covers.
    `agent` is the agent that asks: the one that writes the reply, or one that it asked. `at` is the time.
    """

    request_id: str
    message_id: str
    agent: str
    tool: str
    summary: Line
    detail: Shown | None = None
    risk: Literal["read", "write", "execute", "network"]
    scope: str | None = None
    at: str


class Need(Wire):
    """Something that waits for one participant, until they do something in the session.

    `handOver`: `by` handed the session over to them, with a `note`; `waiting` describes what was waiting at that time.
    `mention`: the message `messageId` mentions them, and `note` is its beginning. Opening the session settles a mention.
    """

    kind: Literal["handOver", "mention"]
    participant: Participant
    by: Participant
    message_id: str | None = None
    note: Shown | None = None
    waiting: list[Line] | None = None
    at: str


class Session(Wire):
    """A session. `agent` is its default agent, and `model` the model that this agent uses here instead of its own.

    `participants` are all who ever took part; `present` are those who have it open now, absent if there are none. `needs` is what
    waits for a participant, absent if nothing does. `stopped` says how the newest reply stopped, if `session/resume` would
    continue it; absent while the session is archived.
    `asking` are the open permission requests, oldest first; absent if there are none. `budget` is how many US dollars all models
    may cost in this session: once `usage.cost` reaches it, the session is paused before the next request to a model, with
    `pauseReason` "budget". Without `pauseReason` somebody paused it.
    `people` have access to it, if the database knows who they are. Without it, everybody who can open the database owns it.
    """

    id: str
    title: Line
    state: Literal["active", "paused", "archived"] = "active"
    pause_reason: Literal["budget"] | None = None
    replying: bool = False
    queued: int = 0
    stopped: Stopped | None = None
    asking: list[OpenQuestion] | None = None
    agent: str
    model: str | None = None
    workspace_folders: list[str] = []
    parent: ParentRef | None = None
    participants: list[Participant] = []
    present: list[Participant] | None = None
    needs: list[Need] | None = None
    people: list[Person] | None = None
    usage: Usage = Usage()
    budget: float | None = None
    seq: int = 0
    message_count: int = 0
    created_at: str
    updated_at: str
