"""The events of a session's log. The state is a fold over them (see `state.py`).

Each kind is a class; on the wire an event is a flat object `{ sessionId, seq, at, by?, kind, … }`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, TypeAdapter, model_serializer
from pydantic.json_schema import SkipJsonSchema

from sessionls.domain.model import (
    KEEP_NATIVE,
    Finding,
    Message,
    Part,
    Participant,
    Person,
    Session,
    Stopped,
    ToolPart,
    Usage,
    Wire,
)

__all__ = [
    "AgentSwitched",
    "AgentWorked",
    "Archived",
    "BudgetChanged",
    "ByAgent",
    "CancelAsked",
    "ChangesReverted",
    "Compacted",
    "Created",
    "Edited",
    "Event",
    "FindingChanged",
    "FindingReported",
    "Forked",
    "HandedOver",
    "MessageSent",
    "MessageSteered",
    "MessageWithdrawn",
    "ParticipantJoined",
    "ParticipantLeft",
    "Paused",
    "PermissionAnswered",
    "PermissionAsked",
    "QueueOrdered",
    "Renamed",
    "ReplyFinished",
    "ReplyNoticed",
    "ReplyStarted",
    "Resumed",
    "RevertedFile",
    "Shared",
    "Spent",
    "StepFinished",
    "ToolCalled",
    "ToolFinished",
    "Unarchived",
    "Unshared",
    "event_adapter",
]


class ByAgent(Wire):
    agent: str


class _Event(Wire):
    """`seq` is 1, 2, 3… without gaps in each session. A fork continues its parent's numbers."""

    session_id: str
    seq: int
    at: str
    by: Participant | ByAgent | None = None


class Created(_Event):
    """The new session. `identities` extend its scope beyond its `workspaceFolders` (see scope.py).

    `placed` is the number of messages that a fork shares with its parent.
    """

    kind: Literal["created"] = "created"
    session: Session
    identities: list[str] = []
    placed: int = 0


class Renamed(_Event):
    kind: Literal["renamed"] = "renamed"
    title: str


class MessageSent(_Event):
    kind: Literal["messageSent"] = "messageSent"
    message: Message


class MessageSteered(_Event):
    """The reply being written received a queued message, before the part with index `part`."""

    kind: Literal["messageSteered"] = "messageSteered"
    message_id: str
    reply_id: str
    part: int


class MessageWithdrawn(_Event):
    """A queued message was withdrawn: it is not in the session any more and gets no reply."""

    kind: Literal["messageWithdrawn"] = "messageWithdrawn"
    message_id: str


class QueueOrdered(_Event):
    """`messageIds` are all queued messages in their new order. `now` is the message to answer now: it gets a separate reply, even
    if it was sent to steer the current one.
    """

    kind: Literal["queueOrdered"] = "queueOrdered"
    message_ids: list[str]
    now: str | None = None


class ReplyStarted(_Event):
    """A reply starts, or continues after a pause, an interruption or a failure. `definition` is the definition's sha256."""

    kind: Literal["replyStarted"] = "replyStarted"
    message_id: str
    reply_to: str
    agent: str
    model: str
    definition: str


class StepFinished(_Event):
    """A step of the model ended.

    `parts` are the new parts, from index `index` on; `usage` and `steps` are totals of the reply.
    """

    kind: Literal["stepFinished"] = "stepFinished"
    message_id: str
    index: int
    parts: list[Part]
    usage: Usage | None = None
    steps: int | None = None


class ToolCalled(_Event):
    """A tool starts. `index` is the index of the part in its message."""

    kind: Literal["toolCalled"] = "toolCalled"
    message_id: str
    index: int
    part: ToolPart


class ToolFinished(_Event):
    kind: Literal["toolFinished"] = "toolFinished"
    message_id: str
    index: int
    part: ToolPart


class AgentWorked(_Event):
    """An agent that another agent asked made progress: these are its `parts` from index `index` on. `path` leads to the call that
    asked it: the indexes of the enclosing calls, then that of the call itself. With an empty `path`, a part of an external
    agent's own reply changed (its plan, an updated call). `usage` and `steps` are totals of the whole reply.
    """

    kind: Literal["agentWorked"] = "agentWorked"
    message_id: str
    path: list[int]
    index: int
    parts: list[Part]
    usage: Usage | None = None
    steps: int | None = None


class ReplyNoticed(_Event):
    """The reply got notices; `notices` as in its message."""

    kind: Literal["replyNoticed"] = "replyNoticed"
    message_id: str
    notices: list[str]


class PermissionAsked(_Event):
    """A tool needs permission to continue. `scope` is what an answer for the whole session covers, in replies to messages of the
    participant who gives it. If it is empty, such an answer covers nothing else.
    """

    kind: Literal["permissionAsked"] = "permissionAsked"
    request_id: str
    message_id: str
    tool: str
    summary: str
    risk: Literal["read", "write", "execute", "network"]
    detail: str | None = None
    scope: str = ""


class PermissionAnswered(_Event):
    kind: Literal["permissionAnswered"] = "permissionAnswered"
    request_id: str
    decision: Literal["once", "session", "deny"]


class FindingReported(_Event):
    kind: Literal["findingReported"] = "findingReported"
    finding: Finding


class FindingChanged(_Event):
    kind: Literal["findingChanged"] = "findingChanged"
    finding_id: str
    state: Literal["open", "fixed", "dismissed"]
    reason: str | None = None


class _Keeping(Wire):
    # `kept` is the data to revert the change exactly (see `sessions/changes/kept.py`). It is only stored and not sent to clients,
    # which use `change/list`.
    kept: SkipJsonSchema[str | None] = Field(default=None, repr=False)

    @model_serializer(mode="wrap")
    def _without_kept(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = serialize(self)
        if info.context != KEEP_NATIVE:
            data.pop("kept", None)
        return data


class Edited(_Event, _Keeping):
    """`patch` as in the part that this event adds to its message."""

    kind: Literal["edited"] = "edited"
    message_id: str
    uri: str
    summary: str = ""
    applied: bool
    patch: str | None = None


class RevertedFile(_Keeping):
    """The effect of a revert on one file. `patch` is absent if it is very long."""

    uri: str
    patch: str | None = None


class ChangesReverted(_Event):
    """A participant reverted changes of agents to these files: those of the reply `messageId`, those since the message `since`,
    or an earlier revert (`of`). It can itself be reverted, by its `revertId`.
    """

    kind: Literal["changesReverted"] = "changesReverted"
    revert_id: str
    message_id: str | None = None
    since: str | None = None
    of: str | None = None
    files: list[RevertedFile]


class CancelAsked(_Event):
    """Somebody asked to cancel the current reply. The process that writes it ends it at once."""

    kind: Literal["cancelAsked"] = "cancelAsked"
    message_id: str


class HandedOver(_Event):
    """`by` handed the session over to a participant (see `Need`)."""

    kind: Literal["handedOver"] = "handedOver"
    to: Participant
    note: str | None = None
    waiting: list[str] | None = None


class ReplyFinished(_Event):
    """A reply ended or stopped; `message` is the whole reply, with its status."""

    kind: Literal["replyFinished"] = "replyFinished"
    message: Message


class AgentSwitched(_Event):
    """`from` is the previous default agent."""

    kind: Literal["agentSwitched"] = "agentSwitched"
    agent: str
    model: str | None = None
    from_: str = Field(alias="from")


class Paused(_Event):
    """`reason`: the session's budget is used up. Without a reason, `by` paused it."""

    kind: Literal["paused"] = "paused"
    reason: Literal["budget"] | None = None


class BudgetChanged(_Event):
    """`budget` is in US dollars. Without it, the budget was removed."""

    kind: Literal["budgetChanged"] = "budgetChanged"
    budget: float | None = None


class Spent(_Event):
    """Usage of models outside a reply that had no result."""

    kind: Literal["spent"] = "spent"
    usage: Usage


class Resumed(_Event):
    kind: Literal["resumed"] = "resumed"


class Forked(_Event):
    kind: Literal["forked"] = "forked"
    child_id: str


class Compacted(_Event):
    """For the model, `summary` replaces all messages up to and including place `through`. The log keeps everything."""

    kind: Literal["compacted"] = "compacted"
    through_seq: int
    through: int
    summary: str
    usage: Usage | None = None


class Archived(_Event):
    kind: Literal["archived"] = "archived"


class Unarchived(_Event):
    """The session was unarchived: `state` and `stopped` are as before it was archived."""

    kind: Literal["unarchived"] = "unarchived"
    state: Literal["active", "paused"] = "active"
    stopped: Stopped | None = None


class Shared(_Event):
    """A person has this role in the session from now on, instead of their earlier one."""

    kind: Literal["shared"] = "shared"
    person: Person


class Unshared(_Event):
    """The role of `personId` (a participant's id or `team`) in the session was removed."""

    kind: Literal["unshared"] = "unshared"
    person_id: str


class ParticipantJoined(_Event):
    kind: Literal["participantJoined"] = "participantJoined"
    participant: Participant


class ParticipantLeft(_Event):
    kind: Literal["participantLeft"] = "participantLeft"
    participant_id: str


Event = Annotated[
    Created
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
    | Shared
    | Unshared
    | ParticipantJoined
    | ParticipantLeft
    | HandedOver,
    Field(discriminator="kind"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)
