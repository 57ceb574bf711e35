"""The events of a session's log. All state is a fold over them (see `state.py`).

Each kind is one class; on the wire an event is one flat object `{ sessionId, seq, at, by?, kind, … }`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, TypeAdapter, model_serializer
from pydantic.json_schema import SkipJsonSchema

from sessionls.domain.model import KEEP_NATIVE, Finding, Message, Part, Participant, Session, Stopped, ToolPart, Usage, Wire

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
    "Spent",
    "StepFinished",
    "ToolCalled",
    "ToolFinished",
    "Unarchived",
    "event_adapter",
]


class ByAgent(Wire):
    agent: str


class _Event(Wire):
    """`seq` is 1, 2, 3… without holes in each session; a fork's go on from its parent's."""

    session_id: str
    seq: int
    at: str
    by: Participant | ByAgent | None = None


class Created(_Event):
    """The session as it began. `identities` say where it belongs beside its `workspaceFolders` (see scope.py).

    `placed` is how many messages of its parent a fork begins with.
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
    """A waiting message was handed to the reply being written, before that reply's part number `part`."""

    kind: Literal["messageSteered"] = "messageSteered"
    message_id: str
    reply_id: str
    part: int


class MessageWithdrawn(_Event):
    """A waiting message was taken back: it is not in the session any more, and gets no reply."""

    kind: Literal["messageWithdrawn"] = "messageWithdrawn"
    message_id: str


class QueueOrdered(_Event):
    """`messageIds` are all waiting messages, in the order in which they are answered now. `now` is the one that was sent now: it
    gets a reply of its own, even if it was to steer the one being written.
    """

    kind: Literal["queueOrdered"] = "queueOrdered"
    message_ids: list[str]
    now: str | None = None


class ReplyStarted(_Event):
    """A reply begins, or goes on after a pause, an interruption or a failure. `definition` is its definition's sha256."""

    kind: Literal["replyStarted"] = "replyStarted"
    message_id: str
    reply_to: str
    agent: str
    model: str
    definition: str


class StepFinished(_Event):
    """One step of the model ended: the parts it added, from number `index` on, and what the reply has used so far, in
    how many steps.
    """

    kind: Literal["stepFinished"] = "stepFinished"
    message_id: str
    index: int
    parts: list[Part]
    usage: Usage | None = None
    steps: int | None = None


class ToolCalled(_Event):
    """A tool starts. `index` is the number of the part in its message."""

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
    """An agent that was asked by another one went on: its `parts` from number `index` on are these. Of the parts of the message,
    `path` leads to the call that asked it: the number of that call, behind those of the calls around it. An empty `path`: the
    reply's own part, of an external agent, is another now (its plan, a call that says more). `usage` and `steps` are those of the
    whole reply so far.
    """

    kind: Literal["agentWorked"] = "agentWorked"
    message_id: str
    path: list[int]
    index: int
    parts: list[Part]
    usage: Usage | None = None
    steps: int | None = None


class ReplyNoticed(_Event):
    """What the reply has to do without became known: `notices` as in its message."""

    kind: Literal["replyNoticed"] = "replyNoticed"
    message_id: str
    notices: list[str]


class PermissionAsked(_Event):
    """A tool may not go on without a yes. `scope` is what a yes for the whole session covers, in replies to messages of whoever
    gives it; nothing where it is empty.
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
    # `kept` is what takes the change back exactly (see `sessions/changes/kept.py`). It is for the store alone: clients are not
    # sent it, and ask with `change/list`.
    kept: SkipJsonSchema[str | None] = Field(default=None, repr=False)

    @model_serializer(mode="wrap")
    def _without_kept(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = serialize(self)
        if info.context != KEEP_NATIVE:
            data.pop("kept", None)
        return data


class Edited(_Event, _Keeping):
    """`patch` as in the part that it adds to its message."""

    kind: Literal["edited"] = "edited"
    message_id: str
    uri: str
    summary: str = ""
    applied: bool
    patch: str | None = None


class RevertedFile(_Keeping):
    """What taking changes back did to one file. `patch` is left out where it is very long."""

    uri: str
    patch: str | None = None


class ChangesReverted(_Event):
    """A participant took back what agents had changed in these files: in the reply `messageId`, or since the message `since`; or
    what the revert `of` had done. It can be taken back itself, by its `revertId`.
    """

    kind: Literal["changesReverted"] = "changesReverted"
    revert_id: str
    message_id: str | None = None
    since: str | None = None
    of: str | None = None
    files: list[RevertedFile]


class CancelAsked(_Event):
    """Somebody asked to cancel the reply being written; the process that writes it ends it at once."""

    kind: Literal["cancelAsked"] = "cancelAsked"
    message_id: str


class ReplyFinished(_Event):
    """A reply ended or stopped; `message` is the whole reply, with its status."""

    kind: Literal["replyFinished"] = "replyFinished"
    message: Message


class AgentSwitched(_Event):
    """`from` is the default agent until now."""

    kind: Literal["agentSwitched"] = "agentSwitched"
    agent: str
    model: str | None = None
    from_: str = Field(alias="from")


class Paused(_Event):
    """`reason`: the session's budget is used up; without one, `by` wanted it."""

    kind: Literal["paused"] = "paused"
    reason: Literal["budget"] | None = None


class BudgetChanged(_Event):
    """`budget` is in US dollars; without it, the session has none any more."""

    kind: Literal["budgetChanged"] = "budgetChanged"
    budget: float | None = None


class Spent(_Event):
    """Models were used outside of a reply, and nothing came of it."""

    kind: Literal["spent"] = "spent"
    usage: Usage


class Resumed(_Event):
    kind: Literal["resumed"] = "resumed"


class Forked(_Event):
    kind: Literal["forked"] = "forked"
    child_id: str


class Compacted(_Event):
    """All messages up to and with place `through` stand in `summary` for the model. The log keeps everything."""

    kind: Literal["compacted"] = "compacted"
    through_seq: int
    through: int
    summary: str
    usage: Usage | None = None


class Archived(_Event):
    kind: Literal["archived"] = "archived"


class Unarchived(_Event):
    """The session is back as it was: `state` and `stopped` are what they were before it was archived."""

    kind: Literal["unarchived"] = "unarchived"
    state: Literal["active", "paused"] = "active"
    stopped: Stopped | None = None


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
    | ParticipantJoined
    | ParticipantLeft,
    Field(discriminator="kind"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)
