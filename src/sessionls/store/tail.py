"""Remembers what was published to the followers in this process, and reads what was not published yet.

Events are read and published in the writing thread, in the order in which transactions are committed. The batches reach the event
loop in the same order (see feed.py), so followers get each event of a session once, in the order of their numbers. New drafts may
also be published by the thread that watches the database: a lock of `backend.py` decides whose turn it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, and_, bindparam, func, or_, select

from sessionls.domain.errors import SessionUnreadable
from sessionls.domain.events import Event
from sessionls.domain.model import Participant
from sessionls.domain.state import State
from sessionls.ports.store import Delta, SessionNotice
from sessionls.store import lineage
from sessionls.store.drafts import Saved
from sessionls.store.engine import Newest, dialect_of
from sessionls.store.places import scope_in
from sessionls.store.presence import find_presence
from sessionls.store.reading import Page, Reader
from sessionls.store.rows import EVENT_COLUMNS, event_json, events_of, load_saved, load_state, require, session_of
from sessionls.store.schema import drafts, events, sessions

__all__ = ["FeedBatch", "FeedCursor", "FollowSnapshot"]

_AFTER, _BEFORE = bindparam("after", type_=BigInteger), bindparam("before", type_=BigInteger)
_CHANGED = (
    select(sessions.c.id, sessions.c.rev, sessions.c.deleted, sessions.c.session)
    .where(sessions.c.rev > bindparam("rev"))
    .order_by(sessions.c.rev)
)
_EVENTS = (
    select(*EVENT_COLUMNS)
    .where(events.c.session_id == bindparam("id"), events.c.seq > _AFTER, events.c.seq < _BEFORE)
    .order_by(events.c.seq)
)
_DRAFTED = (
    select(drafts)
    .where(drafts.c.n > bindparam("n"), drafts.c.session_id.in_(bindparam("ids", expanding=True)))
    .order_by(drafts.c.n)
)
_LAST_DRAFT = select(func.coalesce(func.max(drafts.c.n), 0))


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Notices to publish, in this order: events by session, pieces of replies, changed sessions."""

    events: Sequence[tuple[str, Sequence[Event]]] = ()
    chunks: Sequence[Delta] = ()
    sessions: Sequence[SessionNotice] = ()


@dataclass(frozen=True, slots=True)
class FollowSnapshot:
    """A session as a new follower finds it, up to and including its last event. `present` are those of `state` whose processes
    are alive.
    """

    state: State
    present: list[Participant]
    page: Page
    events: list[Event] | None
    saved: dict[str, Saved]


class FeedCursor:
    def __init__(self, process: str) -> None:
        self._process = process
        self._published: dict[str, int] = {}  # the followed sessions, with the number of the last event that was published
        self._watching = False
        self._rev = 0
        self._own_changes: dict[str, int] = {}  # the newest change of each session by this process, if it is later than `_rev`
        # The last draft that was published or is of no interest: one number if drafts are numbered in order, else by session.
        self._draft = 0
        self._drafts: dict[str, int] = {}

    # -- this process's own changes ----------------------------------------------------------------------------------

    def unpublished_events(self, connection: Connection, session_id: str, first: int) -> list[Event]:
        """The events of other processes, before number `first`, that were not published yet."""
        last = self._published.get(session_id)
        if last is None or last >= first - 1:
            return []
        return self._events(connection, session_id, last, first)

    def mark_published(self, session_id: str, seq: int) -> None:
        """Note that all events up to `seq` were published."""
        if session_id in self._published:
            self._published[session_id] = seq

    def note_own_change(self, session_id: str, rev: int) -> None:
        """Note a change that this process publishes itself."""
        if rev == self._rev + 1:
            self._rev = rev
        elif self._watching:
            self._own_changes[session_id] = rev

    # -- following ---------------------------------------------------------------------------------------------------

    def follow(
        self, connection: Connection, session_id: str, limit: int, after: int | None, events_bytes: int | None
    ) -> tuple[FeedBatch, FollowSnapshot]:
        row = require(connection, session_id)
        earlier = self._published.get(session_id)
        caught_up = () if earlier is None else self._events(connection, session_id, earlier, row.seq + 1)
        state = load_state(connection, row)
        replies = [entry.message.id for entry in state.open.values() if entry.message.role == "agent"]
        here = {person.participant_id for person in find_presence(connection, session_id, self._process) if person.alive}
        data = None if after is None else lineage.all_event_data(connection, session_id, after, events_bytes)
        snapshot = FollowSnapshot(
            state=state,
            present=[participant for participant in state.present if participant.id in here],
            page=Reader(connection).history(session_id, None, limit) if limit else Page([], {}, more=True),
            events=None if data is None else events_of(session_id, data),
            saved={reply: load_saved(connection, session_id, reply) for reply in replies},
        )
        self._published[session_id] = row.seq
        return FeedBatch(events=[(session_id, caught_up)] if caught_up else []), snapshot

    def unfollow(self, session_id: str) -> None:
        self._published.pop(session_id, None)
        self._drafts.pop(session_id, None)

    # -- other processes' changes --------------------------------------------------------------------------------------

    def begin(self, connection: Connection) -> FeedBatch:
        """Start to watch. Returns the missed changes of the sessions that are followed already."""
        rev = dialect_of(connection).newest_rev(connection)
        self._draft = 0
        self._drafts.clear()
        batch = self._batch(connection, list(self._published), [])
        self._rev, self._watching = rev, True
        self._own_changes.clear()
        return batch

    def end(self) -> None:
        self._watching = False

    @property
    def drafted(self) -> dict[str, int]:
        """The sessions that are followed, each with the number of the last draft that was published."""
        return {session_id: self._drafts.get(session_id, self._draft) for session_id in self._published}

    def only_drafts(self, newest: Newest) -> FeedBatch | None:
        """The notices to publish if only drafts are new. None if something else changed, which `poll` has to read."""
        if newest.rev != self._rev or self._own_changes:
            return None
        if newest.draft is not None:
            self._draft = max(self._draft, newest.draft)
        else:
            for n, draft in newest.drafts:  # two threads may have read the same ones
                if draft.session_id in self._published:
                    self._drafts[draft.session_id] = max(n, self._drafts.get(draft.session_id, self._draft))
        return FeedBatch(chunks=[draft for _, draft in newest.drafts])

    def poll(self, connection: Connection) -> FeedBatch:
        """Read the changes since the last poll."""
        rows = list(connection.execute(_CHANGED, {"rev": self._rev}))
        notices: list[SessionNotice] = []
        for row in rows:
            if self._own_changes.get(row.id) != row.rev:
                with suppress(SessionUnreadable):
                    notices.append(SessionNotice(row.id, None if row.deleted else session_of(row), scope_in(connection, row.id)))
        revoked = dialect_of(connection).revoked(connection, self._rev)
        notices += [SessionNotice(session_id, None, access_lost=True) for session_id in revoked]
        newest = dialect_of(connection).newest_rev(connection)
        batch = self._batch(connection, [row.id for row in rows if not row.deleted], notices)
        self._rev = newest
        for session_id in [*(row.id for row in rows if row.deleted), *revoked]:
            self.unfollow(session_id)
        self._own_changes.clear()
        return batch

    def _batch(self, connection: Connection, changed: Sequence[str], notices: Sequence[SessionNotice]) -> FeedBatch:
        """Read what was not published yet. If reading fails, nothing counts as published."""
        events: dict[str, list[Event]] = {}
        for session_id in changed:
            after = self._published.get(session_id)
            if after is not None:
                with suppress(SessionUnreadable):
                    if new := self._events(connection, session_id, after, lineage.ENDLESS):
                        events[session_id] = new
        chunks = self._chunks(connection) if self._published else []
        self._published.update((session_id, new[-1].seq) for session_id, new in events.items())
        return FeedBatch(list(events.items()), chunks, notices)

    def _chunks(self, connection: Connection) -> list[Delta]:
        if dialect_of(connection).drafts_in_order:
            last = connection.execute(_LAST_DRAFT).scalar_one()
            if last <= self._draft:
                return []
            rows = list(connection.execute(_DRAFTED, {"n": self._draft, "ids": list(self._published)}))
            self._draft = last
        else:
            newer = [and_(drafts.c.session_id == key, drafts.c.n > n) for key, n in self.drafted.items()]
            rows = list(connection.execute(select(drafts).where(or_(*newer)).order_by(drafts.c.n)))
            self._drafts.update((row.session_id, row.n) for row in rows)
        return [Delta(row.session_id, row.message_id, row.part, row.kind, row.offset, row.text) for row in rows]

    def _events(self, connection: Connection, session_id: str, after: int, before: int) -> list[Event]:
        found = connection.execute(_EVENTS, {"id": session_id, "after": after, "before": before})
        return events_of(session_id, [event_json(row) for row in found])
