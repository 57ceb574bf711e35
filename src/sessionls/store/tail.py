"""How far the followers in this process have been told, and what they have not been told yet.

Everything here runs in the thread that writes, in the order in which transactions are committed; what it hands over goes to the
event loop in that same order (see feed.py). So a session's events reach their followers once each, by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, and_, bindparam, func, or_, select

from sessionls.domain.events import Event
from sessionls.domain.state import State
from sessionls.ports.store import Delta, SessionNotice
from sessionls.store import lineage
from sessionls.store.drafts import Saved
from sessionls.store.engine import dialect_of
from sessionls.store.places import scope_in
from sessionls.store.reading import Page, Reader
from sessionls.store.rows import events_of, load_saved, load_state, require, session_of
from sessionls.store.schema import drafts, events, sessions

__all__ = ["FeedBatch", "FeedCursor", "FollowSnapshot"]

_AFTER, _BEFORE = bindparam("after", type_=BigInteger), bindparam("before", type_=BigInteger)
_CHANGED = (
    select(sessions.c.id, sessions.c.rev, sessions.c.deleted, sessions.c.session)
    .where(sessions.c.rev > bindparam("rev"))
    .order_by(sessions.c.rev)
)
_EVENTS = (
    select(events.c.data)
    .where(events.c.session_id == bindparam("id"), events.c.seq > _AFTER, events.c.seq < _BEFORE)
    .order_by(events.c.seq)
)
_DRAFTED = (
    select(drafts)
    .where(drafts.c.n > bindparam("n"), drafts.c.session_id.in_(bindparam("ids", expanding=True)))
    .order_by(drafts.c.n)
)
_LAST_DRAFT = select(func.coalesce(func.max(drafts.c.n), 0))
_LAST_REV = select(func.coalesce(func.max(sessions.c.rev), 0))


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """What followers are to be told, in this order: events of one session each, pieces of replies, sessions for lists."""

    events: Sequence[tuple[str, Sequence[Event]]] = ()
    chunks: Sequence[Delta] = ()
    sessions: Sequence[SessionNotice] = ()


@dataclass(frozen=True, slots=True)
class FollowSnapshot:
    """A session as a new follower finds it: what it is told is true up to the event `seq`."""

    state: State
    page: Page
    events: list[Event] | None
    saved: dict[str, Saved]


class FeedCursor:
    def __init__(self) -> None:
        self._told: dict[str, int] = {}  # the sessions followed, and the last event handed over of each
        self._watching = False
        self._rev = 0
        self._own: dict[str, int] = {}  # of this process's changes above `_rev`, the newest of each session
        # Of drafts that are numbered in order, the last that was handed over, or was nobody's here; else of each session.
        self._draft = 0
        self._drafts: dict[str, int] = {}

    # -- this process's own changes ----------------------------------------------------------------------------------

    def missing(self, connection: Connection, session_id: str, first: int) -> list[Event]:
        """The events of other processes, before number `first`, that followers have not been told."""
        told = self._told.get(session_id)
        if told is None or told >= first - 1:
            return []
        return self._events(connection, session_id, told, first)

    def told(self, session_id: str, seq: int) -> None:
        """All up to that event is handed over."""
        if session_id in self._told:
            self._told[session_id] = seq

    def changed(self, session_id: str, rev: int) -> None:
        """This process tells of that change itself."""
        if rev == self._rev + 1:
            self._rev = rev
        elif self._watching:
            self._own[session_id] = rev

    # -- following ---------------------------------------------------------------------------------------------------

    def follow(
        self, connection: Connection, session_id: str, limit: int, after: int | None, events_bytes: int | None
    ) -> tuple[FeedBatch, FollowSnapshot]:
        row = require(connection, session_id)
        earlier = self._told.get(session_id)
        caught_up = () if earlier is None else self._events(connection, session_id, earlier, row.seq + 1)
        state = load_state(connection, row)
        replies = [entry.message.id for entry in state.open.values() if entry.message.role == "agent"]
        data = None if after is None else lineage.all_event_data(connection, session_id, after, events_bytes)
        found = FollowSnapshot(
            state=state,
            page=Reader(connection).history(session_id, None, limit) if limit else Page([], {}, more=True),
            events=None if data is None else events_of(data),
            saved={reply: load_saved(connection, session_id, reply) for reply in replies},
        )
        self._told[session_id] = row.seq
        return FeedBatch(events=[(session_id, caught_up)] if caught_up else []), found

    def unfollow(self, session_id: str) -> None:
        self._told.pop(session_id, None)
        self._drafts.pop(session_id, None)

    # -- other processes' changes --------------------------------------------------------------------------------------

    def begin(self, connection: Connection) -> FeedBatch:
        """Look from now on; gives what was missed of the sessions followed already."""
        rev = connection.execute(_LAST_REV).scalar_one()
        self._draft = 0
        self._drafts.clear()
        news = self._news(connection, list(self._told), [])
        self._rev, self._watching = rev, True
        self._own.clear()
        return news

    def end(self) -> None:
        self._watching = False

    @property
    def drafted(self) -> dict[str, int]:
        """The sessions that are followed, each with the number of the last draft that was handed over."""
        return {session_id: self._drafts.get(session_id, self._draft) for session_id in self._told}

    def concerned(self, rev: int, draft: int, drafted: bool) -> bool:
        """Whether there are news for anybody here.

        The last change and the last draft have these numbers; `drafted`: a new draft is of a session that is followed.
        """
        if rev != self._rev or self._own or drafted:
            return True
        self._draft = max(self._draft, draft)
        return False

    def poll(self, connection: Connection) -> FeedBatch:
        """What happened since the last look."""
        rows = list(connection.execute(_CHANGED, {"rev": self._rev}))
        notices = [
            SessionNotice(
                row.id,
                None if row.deleted else session_of(row),
                scope_in(connection, row.id),
            )
            for row in rows
            if self._own.get(row.id) != row.rev
        ]
        news = self._news(connection, [row.id for row in rows if not row.deleted], notices)
        for row in rows:
            self._rev = row.rev
            if row.deleted:
                self.unfollow(row.id)
        self._own.clear()
        return news

    def _news(self, connection: Connection, changed: Sequence[str], notices: Sequence[SessionNotice]) -> FeedBatch:
        """What the followers lack. Nothing is noted as told before all of it is read."""
        told: dict[str, list[Event]] = {}
        for session_id in changed:
            after = self._told.get(session_id)
            new = [] if after is None else self._events(connection, session_id, after, lineage.ENDLESS)
            if new:
                told[session_id] = new
        chunks = self._chunks(connection) if self._told else []
        self._told.update((session_id, new[-1].seq) for session_id, new in told.items())
        return FeedBatch(list(told.items()), chunks, notices)

    def _chunks(self, connection: Connection) -> list[Delta]:
        if dialect_of(connection).drafts_in_order:
            last = connection.execute(_LAST_DRAFT).scalar_one()
            if last <= self._draft:
                return []
            rows = list(connection.execute(_DRAFTED, {"n": self._draft, "ids": list(self._told)}))
            self._draft = last
        else:
            newer = [and_(drafts.c.session_id == key, drafts.c.n > n) for key, n in self.drafted.items()]
            rows = list(connection.execute(select(drafts).where(or_(*newer)).order_by(drafts.c.n)))
            self._drafts.update((row.session_id, row.n) for row in rows)
        return [Delta(row.session_id, row.message_id, row.part, row.kind, row.offset, row.text) for row in rows]

    def _events(self, connection: Connection, session_id: str, after: int, before: int) -> list[Event]:
        found = connection.execute(_EVENTS, {"id": session_id, "after": after, "before": before})
        return events_of(list(found.scalars()))
