"""A transaction on a session: its state, and the events to add."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.events import Event
from sessionls.domain.model import Role
from sessionls.domain.roles import require_role
from sessionls.domain.state import Entry, State, apply

__all__ = ["Change", "Claim", "Presence"]


@dataclass(frozen=True, slots=True)
class Claim:
    """The process that writes or will write the reply to a message, and whether it is alive."""

    message_id: str
    process: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """A participant who has the session open in a process, and whether that process is alive."""

    process: str
    participant_id: str
    alive: bool


@dataclass
class Change:
    """A transaction on one session: its state, and the changes to make.

    `decide` functions read `state` and `claims` and call `add`. Each event is folded at once, so that later decisions see it. Any
    exception leaves the session unchanged. `touched` are the changed messages, `removed` the ids of removed ones.
    `images` are the bytes of added images by sha256, unless the session has them already. `find_presence` reads who has the
    session open in which process; only few decisions need it.
    `role` is the role of the person who makes the change. It limits what they may add.
    """

    session_id: str
    at: str
    process: str
    state: State | None
    claims: dict[str, Claim] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    touched: dict[str, Entry] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    images: dict[str, bytes] = field(default_factory=dict)
    role: Role = "owner"
    find_presence: Callable[[], Iterable[Presence]] = tuple
    _presence: list[Presence] | None = None

    @property
    def now(self) -> State:
        """The state of an existing session."""
        assert self.state is not None
        return self.state

    def add(self, kind: Callable[..., Event], **fields: Any) -> Event:
        """Append an event of that kind, with session, number and time. Raises `NotPermitted` if the role is too low."""
        seq = fields.pop("seq", None) or self.now.next_seq
        event = kind(session_id=self.session_id, seq=seq, at=self.at, **fields)
        if self.state is not None:
            require_role(self.role, event.kind, self.session_id)
        applied = apply(self.state, event)
        self.state = applied.state
        self.events.append(event)
        self.touched.update((entry.message.id, entry) for entry in applied.touched)
        for message_id in applied.removed:
            self.touched.pop(message_id, None)
            self.removed.add(message_id)
        return event

    @property
    def presence(self) -> list[Presence]:
        """Who has the session open, in which process. A decision may change this list."""
        if self._presence is None:
            self._presence = list(self.find_presence())
        return self._presence

    @property
    def has_read_presence(self) -> bool:
        """Whether a decision has read `presence` and so may have changed it."""
        return self._presence is not None

    def claim(self, message_id: str) -> None:
        """Claim the reply to that message for this process."""
        self.claims[message_id] = Claim(message_id, self.process, alive=True)

    def release(self, message_id: str) -> None:
        self.claims.pop(message_id, None)
