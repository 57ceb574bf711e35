"""The port of the store: where sessions live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from sessionls.domain.change import Change
from sessionls.domain.events import ChangesReverted, Edited, Event
from sessionls.domain.model import Finding, Message, Participant, Session
from sessionls.domain.scope import Scope
from sessionls.domain.state import Drafted, Entry

__all__ = ["Delta", "EventNotice", "ExternalSession", "Hit", "Notice", "SessionNotice", "Snapshot", "Store", "Transcript"]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a model may be told: the entries in order of their place, after what `summary` stands for.

    `begin` is the place behind which they begin, up to which the summary goes.
    """

    entries: Sequence[Entry]
    summary: str | None = None
    begin: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as `follow` finds it: its newest messages, and the events after a given number where they were asked for.

    `more`: there are older messages. `events` is None also where there are too many for an answer.
    """

    session: Session
    messages: Sequence[Message]
    present: Sequence[Participant]
    seq: int
    more: bool
    events: Sequence[Event] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    session: Session
    message_id: str
    snippet: str


@dataclass(frozen=True, slots=True)
class EventNotice:
    event: Event


@dataclass(frozen=True, slots=True)
class Delta:
    """The reply being written grew. `offset` counts code points from the start of that part's text."""

    session_id: str
    message_id: str
    part: int
    kind: Literal["text", "reasoning"]
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionNotice:
    """A session is new or changed; `session` is None where it was deleted. `scope` is where it belongs."""

    session_id: str
    session: Session | None
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True, slots=True)
class ExternalSession:
    """The session that an external agent has for one of ours: its id there, the folder it works in, and the place
    of our message that it was sent last.
    """

    external_id: str
    folder: str
    seen: int


Notice = EventNotice | Delta | SessionNotice


class Store(Protocol):
    """Where sessions live. Every method may raise `StoreUnavailable`; those that take a session's id `SessionNotFound`."""

    @property
    def process(self) -> str:
        """The id under which this process claims replies."""
        ...

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        """Run `decide` in one write transaction and store what it added, projections and claims included, before returning.

        For a session that does not exist `decide` sees no state and must add `created` first (else `SessionNotFound`).
        Committed events reach the feed's subscribers before this returns.
        """
        ...

    async def session(self, session_id: str) -> Session: ...

    async def scope_of(self, session_id: str) -> Scope:
        """Where the session belongs."""
        ...

    async def sessions(
        self,
        *,
        scope: Scope | None,
        state: str | None,
        query: str | None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Session], str | None]:
        """Those that wait for permission first, newest first each, and the cursor of the next page.

        Only sessions that belong to the scope (see `Scope.meets`); None: all sessions.
        `state` None: all but archived ones. `query`: words of the title. Raises `InvalidParams` for a cursor that is not ours.
        """
        ...

    async def history(self, session_id: str, *, before: str | None, limit: int) -> tuple[list[Message], bool]:
        """The newest `limit` messages (before message `before`), oldest first, and whether there are older ones.

        Fewer (but one at least) where they would be more than a few megabytes.
        In order of their place, waiting ones last. A reply being written has its text so far. Raises `MessageNotFound`.
        """
        ...

    async def entry(self, session_id: str, message_id: str) -> Entry:
        """One message as the session sees it, its ancestors' included. Raises `MessageNotFound`."""
        ...

    async def events(self, session_id: str, *, after: int, limit: int = 10_000) -> list[Event]:
        """The events numbered above `after`, its ancestors' up to the fork points included."""
        ...

    async def changes(self, session_id: str, *, after: int = 0) -> list[Edited | ChangesReverted]:
        """The events numbered above `after` that changed files, its ancestors' included."""
        ...

    async def drafted(self, session_id: str, message_id: str) -> list[Drafted]:
        """What was drafted of a reply since its last event, joined for each part, in order (see `with_drafts`)."""
        ...

    async def transcript(self, session_id: str, *, through: int, after: int = 0) -> Transcript:
        """The entries up to place `through`, from behind the newest summary that the session can see, and from behind place
        `after`.
        """
        ...

    async def seq_at(self, session_id: str, place: int) -> int:
        """The number of the last event by which all messages up to that place had ended."""
        ...

    async def delete(self, session_id: str, check: Callable[[Change], None] | None = None) -> None:
        """Erase the session and its messages; what living forks hold of it stays until the last of them is deleted.

        `check` looks at it in the same transaction, and raises where it may not be deleted.
        """
        ...

    async def search(self, query: str, *, scope: Scope | None, limit: int) -> list[Hit]: ...

    async def finding(self, finding_id: str) -> Finding:
        """One finding as it is now. Raises `InvalidParams` for one that does not exist."""
        ...

    async def findings(
        self,
        *,
        session_id: str | None = None,
        uri: str | None = None,
        state: str | None = None,
        scope: Scope | None = None,
    ) -> list[Finding]:
        """Oldest first: of that session, else of the sessions of the scope that are not archived; None: of all of them."""
        ...

    async def changed_findings(self, since: int | None, *, scope: Scope | None) -> tuple[int, list[Finding]]:
        """The findings changed after that number, in whatever state, and the number to ask with the next time.

        Without a number: all that are open. Of sessions that match as for `findings`.
        """
        ...

    async def known_finding(self, session_id: str, finding: Finding) -> Finding | None:
        """The same finding, if it is known: same document, rule and quoted code, open or dismissed, in any session that
        belongs to the same place. So what was dismissed stays dismissed when the same review runs again.
        """
        ...

    async def older_places(self) -> list[tuple[str, str]]:
        """What older versions knew repositories by (`Scope.hints`), each with a folder of a session that has it."""
        ...

    async def external_session(self, session_id: str, agent: str) -> ExternalSession | None:
        """What that agent knows of the session; a fork's agents know nothing of it yet."""
        ...

    async def keep_external_session(self, session_id: str, agent: str, known: ExternalSession) -> None: ...

    async def lapsed(self) -> list[str]:
        """The sessions whose reply is claimed by a process that no longer lives."""
        ...

    def draft(
        self, session_id: str, message_id: str, part: int, kind: Literal["text", "reasoning"], text: str, *, base: int = 0
    ) -> None:
        """The reply being written grew by `text`. Subscribers here learn of it at once, the database soon after: within
        20 ms, or later where it is slow.

        `base`: how many code points of that part are in the log already, where a reply goes on in the middle of its words.
        """
        ...

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Call back on the event loop with what happens, in whichever process; gives the way to stop it.

        `SessionNotice`s come for all sessions, events and deltas for those that are followed.
        """
        ...

    async def follow(
        self, session_id: str, *, limit: int = 0, after: int | None = None, events_bytes: int | None = None
    ) -> Snapshot:
        """The session now, and its notices from exactly there on.

        The messages are those of `history`; with `after`, the events numbered above that, unless they are more than
        `events_bytes`.

        Every later event has a number above `Snapshot.seq`, and every later delta goes on where the text of that part in
        `Snapshot.messages` ends. Follows are counted: as many calls of `unfollow` end it.
        """
        ...

    def unfollow(self, session_id: str) -> None: ...
