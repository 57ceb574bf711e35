"""The port of the store, which keeps sessions in a database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from sessionls.domain.change import Change
from sessionls.domain.events import ChangesReverted, Edited, Event
from sessionls.domain.model import Finding, Message, Participant, Session
from sessionls.domain.scope import Scope
from sessionls.domain.state import Drafted, Entry

__all__ = [
    "ChangeSession",
    "Delta",
    "EventNotice",
    "ExternalSession",
    "Hit",
    "Notice",
    "SessionNotice",
    "Snapshot",
    "Store",
    "Transcript",
]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transcript:
    """The messages for a model's prompt, in order of their place, without those that `summary` replaces.

    `begin` is the place of the last message that the summary covers; 0 without a summary.
    """

    entries: Sequence[Entry]
    summary: str | None = None
    begin: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as `follow` finds it: its newest messages and, if requested, the events after a given number.

    `present` are those who have it open in a process that is alive. `more`: there are older messages. `events` is None if none
    were requested, or if they would be too large.
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
    """New text of a reply that is being written. `offset` counts code points from the start of the part's text."""

    session_id: str
    message_id: str
    part: int
    kind: Literal["text", "reasoning"]
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionNotice:
    """A session was created, changed or deleted (`session` is None). `scope` is the scope it belongs to.

    `access_lost`: it is not deleted, but this login may not read it any more.
    """

    session_id: str
    session: Session | None
    scope: Scope = field(default_factory=Scope)
    access_lost: bool = False


@dataclass(frozen=True, slots=True)
class ExternalSession:
    """The external agent's own session for one of ours: its id, its working folder, and the place of the last message that
    we sent to it.
    """

    external_id: str
    folder: str
    seen: int


Notice = EventNotice | Delta | SessionNotice


class ChangeSession(Protocol):
    """`Store.change`, or a function that does more besides."""

    def __call__(self, session_id: str, decide: Callable[[Change], T], /) -> Awaitable[T]: ...


class Store(Protocol):
    """Keeps sessions.

    Every method may raise `StoreUnavailable`; methods that take a session's id also `SessionNotFound` and `SessionUnreadable`.
    Lists and searches leave out sessions that cannot be read.
    """

    @property
    def process(self) -> str:
        """The id under which this process claims replies."""
        ...

    @property
    def has_logins(self) -> bool:
        """Whether the database identifies each person and enforces their role. Otherwise everybody who can open it owns all."""
        ...

    async def participant(self, local: Participant, *, renames: bool = False) -> Participant:
        """The participant for this login, from its profile; without logins, `local`.

        A new profile gets the name of `local`. With `renames`, an existing profile gets it, too.
        """
        ...

    async def people(self) -> list[Participant]:
        """The logins that have used this database, by name."""
        ...

    async def login(self, login: str) -> Participant | None:
        """The login with that name, even if it has never used this database; None if it does not exist."""
        ...

    async def change(self, session_id: str, decide: Callable[[Change], T]) -> T:
        """Run `decide` in a write transaction, and store the events and claims that it added before returning.

        If the session does not exist, `change.state` is None, and `decide` must add `created` first (else `SessionNotFound`).
        Committed events reach the feed's subscribers before this returns.
        """
        ...

    async def session(self, session_id: str) -> Session: ...

    async def scope_of(self, session_id: str) -> Scope:
        """The scope of the session."""
        ...

    async def sessions(
        self,
        *,
        scope: Scope | None,
        state: str | None,
        query: str | None,
        limit: int,
        cursor: str | None,
        participant_id: str | None = None,
    ) -> tuple[list[Session], str | None]:
        """A page of sessions and the cursor of the next page: first those that need this participant, each newest first.

        A session needs somebody if it waits for a permission or for the participant (`Session.needs`); these come before the
        newest of those whose reply was interrupted or failed.
        `scope`: only sessions that belong to it (see `Scope.overlaps`); None: all sessions. `state` None: all but archived ones.
        `query`: words in the title. Raises `InvalidParams` for an invalid cursor.
        """
        ...

    async def history(self, session_id: str, *, before: str | None, limit: int) -> tuple[list[Message], bool]:
        """The newest `limit` messages (before message `before`), oldest first, and whether there are older ones.

        Returns fewer, but at least one, if they would take more than a few megabytes. Messages are in order of their place,
        queued ones last. A reply being written includes its text so far. Raises `MessageNotFound`.
        """
        ...

    async def entry(self, session_id: str, message_id: str) -> Entry:
        """A message of the session or its ancestors. Raises `MessageNotFound`."""
        ...

    async def events(self, session_id: str, *, after: int, limit: int = 10_000) -> list[Event]:
        """The events after number `after`, including those of its ancestors up to the fork points."""
        ...

    async def image(self, session_id: str, sha256: str) -> bytes | None:
        """The bytes of an image in the messages of the session and its ancestors; None if they do not have it."""
        ...

    async def changes(self, session_id: str, *, after: int = 0) -> list[Edited | ChangesReverted]:
        """The events after number `after` that changed files, including those of its ancestors."""
        ...

    async def drafted(self, session_id: str, message_id: str) -> list[Drafted]:
        """The text of a reply that no event contains yet, joined for each part, in order (see `with_drafts`)."""
        ...

    async def transcript(self, session_id: str, *, through: int, after: int = 0) -> Transcript:
        """The messages with places up to `through` that come after `after` and after the newest summary."""
        ...

    async def seq_at(self, session_id: str, place: int) -> int:
        """The number of the event with which the last of the messages up to that place ended."""
        ...

    async def delete(self, session_id: str, check: Callable[[Change], None] | None = None) -> None:
        """Delete the session and its messages. The content that its forks share stays until the last fork is deleted.

        `check` runs in the same transaction, and raises an error if the session must not be deleted.
        """
        ...

    async def search(self, query: str, *, scope: Scope | None, limit: int) -> list[Hit]: ...

    async def finding(self, finding_id: str) -> Finding:
        """A finding as it is now. Raises `InvalidParams` if it does not exist."""
        ...

    async def findings(
        self,
        *,
        session_id: str | None = None,
        ids: Collection[str] | None = None,
        uri: str | None = None,
        state: str | None = None,
        scope: Scope | None = None,
    ) -> list[Finding]:
        """Findings, oldest first: of that session, or else of the sessions in the scope (None: all) that are not archived.

        `ids`: only findings with these ids.
        """
        ...

    async def changed_findings(self, since: int | None, *, scope: Scope | None) -> tuple[int, list[Finding]]:
        """The number to pass the next time, and the findings in any state that changed after `since` (None: all open ones).

        `scope` selects sessions as in `findings`.
        """
        ...

    async def known_finding(self, session_id: str, finding: Finding) -> Finding | None:
        """The same finding (document, rule and quoted code), open or dismissed, of any session with the same scope, if any.

        It keeps a dismissed finding dismissed when the same review runs again.
        """
        ...

    async def older_places(self) -> list[tuple[str, str]]:
        """The identities that older versions used for repositories (`Scope.hints`), each with a folder of a session with it."""
        ...

    async def external_session(self, session_id: str, agent: str) -> ExternalSession | None:
        """The agent's own session for this session. A new fork has none."""
        ...

    async def keep_external_session(self, session_id: str, agent: str, known: ExternalSession) -> None: ...

    async def lapsed_claims(self) -> list[str]:
        """The sessions whose reply is claimed by a process that is gone, without those that this login may not write."""
        ...

    async def lapsed_presence(self) -> list[str]:
        """The sessions that are open in a process that is gone, without those that this login may only read."""
        ...

    def draft(
        self, session_id: str, message_id: str, part: int, kind: Literal["text", "reasoning"], text: str, *, base: int = 0
    ) -> None:
        """Add `text` to the reply being written. Subscribers in this process get it at once, the database within about 20 ms,
        or later on a slow disk.

        `base`: how many code points of that part are in the log already. It is not 0 if a reply is resumed within a part.
        """
        ...

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Call back on the event loop with the changes of all processes. Returns a function that ends the subscription.

        `SessionNotice`s come for all sessions; events and deltas for followed sessions only.
        """
        ...

    async def follow(
        self, session_id: str, *, limit: int = 0, after: int | None = None, events_bytes: int | None = None
    ) -> Snapshot:
        """The session as it is now. From exactly there on, subscribers get its events and deltas.

        `limit`: messages as in `history`. `after`: also the events after that number, unless they take more than
        `events_bytes`.

        Later events have numbers greater than `Snapshot.seq`, and later deltas continue where the text of their part in
        `Snapshot.messages` ends. Follows are counted: each needs one call of `unfollow`.
        """
        ...

    def unfollow(self, session_id: str) -> None: ...
