"""Prepared replies and started replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.change import Change
from sessionls.domain.errors import ModelUnavailable, SessionlsError
from sessionls.domain.model import Message, MessageError, Session

__all__ = ["PreparedReply", "StartedReply", "message_error", "started_reply"]


@dataclass(frozen=True, slots=True)
class PreparedReply:
    """A reply that can start: its agent and definition. `problem` is the reason if no agent can write it.

    `options` are for its runtime, in addition to the message (see `ReplyToWrite`).
    """

    start: transitions.Start
    definition: Definition | None
    problem: SessionlsError | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartedReply:
    """A reply that has started in the log and will be written here.

    `position` is that of the message it answers; `seq` is the number of the event that started it.
    """

    session: Session
    prepared: PreparedReply
    reply: Message
    position: int
    seq: int
    steered: tuple[Message, ...] = ()


def message_error(problem: SessionlsError) -> MessageError:
    """An error in the form that a reply stores."""
    reason = problem.reason if isinstance(problem, ModelUnavailable) else None
    return MessageError(kind=problem.kind, message=problem.message, hint=problem.hint, reason=reason)


def started_reply(change: Change, prepared: PreparedReply) -> StartedReply:
    """What a worker needs to know about a reply that `change` has just started."""
    reply = change.touched[prepared.start.reply_id].message
    entry = change.now.open.get(reply.reply_to or "")
    steered = [
        other
        for other in change.now.open.values()
        if other.message.steered is not None and other.message.steered.message_id == reply.id
    ]
    return StartedReply(
        session=change.now.session,
        prepared=prepared,
        reply=reply,
        position=(entry.place if entry else None) or 0,
        seq=change.now.session.seq,
        steered=tuple(other.message for other in sorted(steered, key=lambda other: other.place or 0)),
    )
