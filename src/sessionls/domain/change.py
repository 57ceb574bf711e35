"""One transaction on a session: its state, and the events that are added to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain.events import Event
from sessionls.domain.state import Entry, State, apply

__all__ = ["Change", "Claim", "Presence"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Which process writes (or will write) the reply to a message, and whether that process still lives."""

    message_id: str
    process: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """A participant who has the session open in a process, and whether that process still lives."""

    process: str
    participant_id: str
    alive: bool


@dataclass
class Change:
    """One transaction on one session: what it is now, and what is to happen.

    `decide` functions read `state` and `claims` and call `add`; each event is folded at once, so that the next decision
    sees it. Raising any error leaves the session as it was. `touched` are the messages that changed, `removed` those that are
    in the session no more. `find_presence` reads who has the session open in which process, which few decisions ask.
    """

    session_id: str
    at: str
    process: str
    state: State | None
    claims: dict[str, Claim] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    touched: dict[str, Entry] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    find_presence: Callable[[], Iterable[Presence]] = tuple
    _presence: list[Presence] | None = None

    @property
    def now(self) -> State:
        """The state, of a session that exists."""
        assert self.state is not None
        return self.state

    def add(self, kind: Callable[..., Event], **fields: Any) -> Event:
        """Append an event of that kind: it gets its session, number and time here."""
        seq = fields.pop("seq", None) or self.now.next_seq
        event = kind(session_id=self.session_id, seq=seq, at=self.at, **fields)
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
        """Who has the session open, in which process; a decision changes it."""
        if self._presence is None:
            self._presence = list(self.find_presence())
        return self._presence

    @property
    def asked_presence(self) -> bool:
        """Whether a decision read `presence`, and so may have changed it."""
        return self._presence is not None

    def claim(self, message_id: str) -> None:
        """Say that this process writes the reply to that message."""
        self.claims[message_id] = Claim(message_id, self.process, alive=True)

    def release(self, message_id: str) -> None:
        self.claims.pop(message_id, None)
