"""The beginning of a reply: that it could start, and that it did."""

from __future__ import annotations

from dataclasses import dataclass

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Message, Session
from sessionls.ports.models import Models

__all__ = ["PreparedReply", "StartedReply"]


@dataclass(frozen=True, slots=True)
class PreparedReply:
    """A reply that could start: who writes it, with which definition. `problem` is why nobody can.

    `models` answer in place of this process's own.
    """

    start: transitions.Start
    definition: Definition | None
    problem: SessionlsError | None = None
    models: Models | None = None


@dataclass(frozen=True, slots=True)
class StartedReply:
    """A reply that started in the log and is to be written here. `seq` is the number of the event that started it."""

    session: Session
    prepared: PreparedReply
    reply: Message
    place: int
    seq: int
    steered: tuple[Message, ...] = ()
