"""Queries. Each runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, or_, select, tuple_, union

from sessionls.domain.errors import MessageNotFound
from sessionls.domain.events import ChangesReverted, Edited, Event
from sessionls.domain.model import Finding, Message, Participant, Session
from sessionls.domain.scope import Scope
from sessionls.domain.state import Entry
from sessionls.ports.store import ExternalSession, Hit, Transcript
from sessionls.store import findings, lineage, people
from sessionls.store.access import reader_places
from sessionls.store.drafts import Saved
from sessionls.store.engine import dialect_of
from sessionls.store.external_sessions import read_external_session
from sessionls.store.listing import sessions_page
from sessionls.store.liveness import clock_ms, is_gone
from sessionls.store.options import StoreOptions
from sessionls.store.parts import is_growing
from sessionls.store.places import older_places, scope_in
from sessionls.store.presence import lapsed_presence
from sessionls.store.rows import dump, entry_of, events_of, load_saved, readable_sessions, require, session_of, waiting_rows
from sessionls.store.schema import claims, processes, sessions, summaries
from sessionls.store.search import search

__all__ = ["PAGE_BYTES", "Page", "Reader", "summary_before"]

_UNCHANGED = (
    select(sessions.c.id, sessions.c.session)
    .where(
        sessions.c.state == bindparam("state"),
        sessions.c.updated_at < bindparam("before"),
        tuple_(sessions.c.updated_at, sessions.c.id) > tuple_(bindparam("after_time"), bindparam("after_id")),
    )
    .order_by(sessions.c.updated_at, sessions.c.id)
    .limit(bindparam("limit"))
)


def _unchanged_for(readers: Sequence[str]) -> Select[Any]:
    """The same for a login that does not see all sessions. (There is an index of them by reader.)"""
    columns = reader_places.c
    pieces = [
        select(columns.session_id)
        .where(
            columns.reader == reader,
            columns.kind == "*",
            columns.value == "",
            columns.state == bindparam("state"),
            columns.updated_at < bindparam("before"),
            tuple_(columns.updated_at, columns.session_id) > tuple_(bindparam("after_time"), bindparam("after_id")),
        )
        .order_by(columns.updated_at, columns.session_id)
        .limit(bindparam("limit"))
        for reader in readers
    ]
    ids = union(*(select(piece.subquery()) for piece in pieces)).subquery()
    return (
        select(sessions.c.id, sessions.c.session)
        .where(sessions.c.id.in_(select(ids.c.session_id)))
        .order_by(sessions.c.updated_at, sessions.c.id)
        .limit(bindparam("limit"))
    )


_NUMBER = select(func.count()).select_from(sessions).where(~sessions.c.deleted)
_SUMMARY = select(summaries).where(summaries.c.n == bindparam("n"))
# Unordered: with an order SQLite would walk through all sessions.
_LAPSED = (
    select(sessions.c.id)
    .select_from(sessions)
    .outerjoin(claims, (claims.c.session_id == sessions.c.id) & (claims.c.message_id == sessions.c.reply))
    .outerjoin(processes, processes.c.id == claims.c.process)
    .where(
        sessions.c.reply > "",  # uses the index, unlike IS NOT NULL
        is_gone(bindparam("now", type_=BigInteger)),
        or_(claims.c.process.is_(None), claims.c.process != bindparam("process")),
    )
)


@dataclass(frozen=True, slots=True)
class Page:
    """Messages as they are in the log, the saved drafts of the reply being written, and whether there are older messages.

    A page is at most `PAGE_BYTES` long, unless it is a single message.
    """

    messages: list[Message]
    saved: dict[str, Saved]
    more: bool


PAGE_BYTES = 4 << 20
"""The limit for a page of messages, and for the events sent with it, in bytes of JSON: a client waits for the whole response."""

_STRIDE = 32  # messages read at a time, since their length is not known in advance


class Reader:
    """Runs queries in the connection's transaction."""

    def __init__(self, connection: Connection, options: StoreOptions = StoreOptions()) -> None:  # noqa: B008 (frozen)
        self._connection = connection
        self._options = options

    def session(self, session_id: str) -> Session:
        return session_of(require(self._connection, session_id))

    def sessions(
        self,
        scope: Scope | None,
        state: str | None,
        query: str | None,
        limit: int,
        cursor: str | None,
        participant_id: str | None,
    ) -> tuple[list[Session], str | None]:
        return sessions_page(
            self._connection,
            scope=scope,
            state=state,
            query=query,
            limit=limit,
            cursor=cursor,
            participant_id=participant_id,
            options=self._options,
        )

    def search(self, query: str, scope: Scope | None, limit: int) -> list[Hit]:
        return search(self._connection, query, scope=scope, limit=limit, small_scope=self._options.small_scope_messages)

    def history(self, session_id: str, before: str | None, limit: int) -> Page:
        row = require(self._connection, session_id)
        before_entry = None if before is None else self.entry(session_id, before)
        messages: list[Message] = []
        saved: dict[str, Saved] = {}
        size, more = 0, False
        for message, length in self._newest_first(row, before_entry, limit + 1):
            if message.id == row.reply:
                saved[message.id] = self.saved(session_id, message.id)
                size += sum(len(draft.text.encode()) for draft in saved[message.id].drafted)
            size += length
            if len(messages) == limit or (messages and size > PAGE_BYTES):
                saved.pop(message.id, None)
                more = True
                break
            messages.append(message)
        return Page(messages[::-1], saved, more)

    def _newest_first(self, session: Row[*tuple[Any, ...]], last: Entry | None, limit: int) -> Iterator[tuple[Message, int]]:
        """The session's messages before `last` (queued ones first, then by descending place), each with its length in bytes.

        They are read lazily, at most `limit` of them. The length is that of the JSON.
        """
        top: int = session.placed
        if last is None or last.place is None:
            is_skipping = last is not None
            for row in reversed(waiting_rows(self._connection, session)):
                if not is_skipping:
                    limit -= 1
                    yield self._read(row)
                elif last is not None and row.id == last.message.id:
                    is_skipping = False
        else:
            top = last.place - 1
        while top > 0 and limit > 0:
            # Places have no gaps, so the newest messages are those with the highest places.
            low = max(top - min(_STRIDE, limit), 0)
            for row in reversed(lineage.messages_between(self._connection, session.id, low, top)):
                yield self._read(row)
            limit -= top - low
            top = low

    def _read(self, row: Row[*tuple[Any, ...]]) -> tuple[Message, int]:
        message = entry_of(self._connection, row).message
        # The parts of a reply that is being written are not in its row.
        data = dump(message) if is_growing(message) else f"{row.content or ''}{row.data}"
        return message, len(data.encode())

    def saved(self, session_id: str, message_id: str) -> Saved:
        return load_saved(self._connection, session_id, message_id)

    def entry(self, session_id: str, message_id: str) -> Entry:
        require(self._connection, session_id)
        row = lineage.find_message(self._connection, session_id, message_id)
        if row is None:
            raise MessageNotFound(message_id)
        return entry_of(self._connection, row)

    def events(self, session_id: str, after: int, limit: int) -> list[Event]:
        require(self._connection, session_id)
        return events_of(session_id, lineage.event_data(self._connection, session_id, after, limit))

    def image(self, session_id: str, sha256: str) -> bytes | None:
        require(self._connection, session_id)
        return lineage.find_image(self._connection, session_id, sha256)

    def changes(self, session_id: str, after: int) -> list[Edited | ChangesReverted]:
        require(self._connection, session_id)
        events = events_of(session_id, lineage.change_data(self._connection, session_id, after))
        return [event for event in events if isinstance(event, Edited | ChangesReverted)]

    def transcript(self, session_id: str, through: int, after: int = 0) -> Transcript:
        newest = require(self._connection, session_id).summary
        summary = _summary(self._connection, newest, through=through)
        low = 0 if summary is None else summary.through
        entries = [
            entry_of(self._connection, row)
            for row in lineage.messages_between(self._connection, session_id, max(low, after), through)
        ]
        return Transcript(entries, None if summary is None else summary.summary, low)

    def scope_of(self, session_id: str) -> Scope:
        require(self._connection, session_id)
        return scope_in(self._connection, session_id)

    def seq_at(self, session_id: str, place: int) -> int:
        require(self._connection, session_id)
        while place > 0:
            row = next(iter(lineage.messages_between(self._connection, session_id, place - 1, place)), None)
            if row is not None and row.sealed_seq is not None:
                return int(row.sealed_seq)
            place -= 1
        return 0

    def finding(self, finding_id: str) -> Finding:
        return findings.find(self._connection, finding_id)

    def findings(
        self,
        session_id: str | None,
        ids: Collection[str] | None,
        uri: str | None,
        state: str | None,
        scope: Scope | None,
    ) -> list[Finding]:
        return findings.matching(self._connection, session_id=session_id, ids=ids, uri=uri, state=state, scope=scope)

    def changed_findings(self, since: int | None, scope: Scope | None) -> tuple[int, list[Finding]]:
        return findings.changed_findings(self._connection, since, scope=scope)

    def external_session(self, session_id: str, agent: str) -> ExternalSession | None:
        return read_external_session(self._connection, session_id, agent)

    def known_finding(self, session_id: str, finding: Finding) -> Finding | None:
        return findings.known(self._connection, session_id, finding)

    def older_places(self) -> list[tuple[str, str]]:
        return older_places(self._connection)

    def unchanged_sessions(self, state: str, before: str, after: tuple[str, str], limit: int) -> list[Session]:
        values = {"state": state, "before": before, "after_time": after[0], "after_id": after[1], "limit": limit}
        readers = dialect_of(self._connection).readers(self._connection)
        statement = _UNCHANGED if readers is None else _unchanged_for(readers)
        return list(readable_sessions(self._connection.execute(statement, values)))

    def people(self) -> list[Participant]:
        return people.known_people(self._connection)

    def login(self, login: str) -> Participant | None:
        return people.find_login(self._connection, login)

    def number_of_sessions(self) -> int:
        return int(self._connection.execute(_NUMBER).scalar_one())

    def lapsed_presence(self, process: str) -> list[str]:
        return lapsed_presence(self._connection, process)

    def lapsed_claims(self, process: str) -> list[str]:
        mine = dialect_of(self._connection).covers(self._connection, sessions.c.id, "writer")
        values = {"now": clock_ms(self._connection), "process": process}
        return sorted(self._connection.execute(_LAPSED.where(mine), values).scalars())


def summary_before(connection: Connection, newest: int | None, place: int) -> int | None:
    """The newest summary, going back from `newest`, that was made when no message had a place greater than `place`."""
    summary = _summary(connection, newest, at_place=place)
    return None if summary is None else summary.n


def _summary(connection: Connection, n: int | None, **limits: int) -> Row[*tuple[Any, ...]] | None:
    while n is not None:
        row = connection.execute(_SUMMARY, {"n": n}).one()
        if all(getattr(row, name) <= limit for name, limit in limits.items()):
            return row
        n = row.previous
    return None
