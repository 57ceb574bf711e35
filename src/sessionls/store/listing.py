"""The list of sessions, in pages: first the sessions that need the participant, then the others, each newest first."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Sequence
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, tuple_, union

from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import Session
from sessionls.domain.scope import Scope
from sessionls.store.access import reader_places
from sessionls.store.engine import dialect_of
from sessionls.store.options import StoreOptions
from sessionls.store.places import is_in_scope
from sessionls.store.rows import attention_rank, readable_sessions
from sessionls.store.schema import session_places, sessions
from sessionls.store.titles import is_rare, sessions_by_title, title_terms

__all__ = ["sessions_page"]

_Key = tuple[int, str, str]


def sessions_page(
    connection: Connection,
    *,
    scope: Scope | None,
    state: str | None,
    query: str | None,
    limit: int,
    cursor: str | None,
    participant_id: str | None,
    options: StoreOptions,
) -> tuple[list[Session], str | None]:
    after = None if cursor is None else _position(cursor)
    words = [word for word in (query or "").encode(errors="replace").decode().casefold().split() if word]
    states = ("active", "paused") if state is None else (state,)
    urgent = _sessions_needing(connection, scope, states, words, participant_id, options.stopped_sessions)
    page: list[Session] = []
    keys: list[_Key] = []
    if after is None or after[0] > 0:
        keys = [key for key in urgent if after is None or key < after]
        page = [urgent[key] for key in keys[:limit]]
        if len(keys) > limit:
            return page, _cursor(keys[limit - 1])
        limit, after = limit - len(page), None
    position = None if after is None else after[1:]
    leave_out = [session.id for session in urgent.values()]
    terms = title_terms(words)
    if terms and is_rare(connection, terms, options.rare_titles):
        rows_found = _titled(connection, scope, states, words, terms, limit + 1, position, leave_out)
    else:
        rows_found = _listed(connection, scope, states, words, limit + 1, position, leave_out)
    rows = connection.execute(select(sessions.c.id, sessions.c.session).where(sessions.c.id.in_([row.id for row in rows_found])))
    by_id = {row.id: row for row in rows}
    page += readable_sessions(by_id[row.id] for row in rows_found[:limit])
    if len(rows_found) <= limit:
        return page, None
    return page, _cursor((0, *_key(rows_found[limit - 1])) if limit else keys[-1])


def _sessions_needing(
    connection: Connection,
    scope: Scope | None,
    states: Collection[str],
    words: Sequence[str],
    participant_id: str | None,
    most_stopped: int,
) -> dict[_Key, Session]:
    """The sessions that need the participant, in the order of the list. (There is an index of those that need somebody.)"""
    readers = dialect_of(connection).readers(connection)
    queries = _urgent(scope, words, most_stopped) if readers is None else _urgent_for(readers, scope, words, most_stopped)
    # The state is compared here: a condition in the query would make the database choose the index of all sessions.
    candidates = [session for query in queries for session in readable_sessions(connection.execute(query))]
    ranked = [(attention_rank(session, participant_id), session) for session in candidates if session.state in states]
    keys = [((rank, session.updated_at, session.id), session) for rank, session in ranked if rank > 0]
    return dict(sorted(keys, key=lambda query: query[0], reverse=True))


def _urgent(scope: Scope | None, words: Sequence[str], most_stopped: int) -> list[Select[Any]]:
    """The sessions that wait for somebody, and the newest of those whose reply stopped."""
    column = sessions.c.attention
    query = select(sessions.c.id, sessions.c.session).where(sessions.c.session > "")  # NULL for deleted sessions
    if scope is not None:
        query = query.where(is_in_scope(sessions.c.id, scope))
    if words:
        query = query.where(*_title_contains(words))
    newest = sessions.c.updated_at.desc(), sessions.c.id.desc()
    return [query.where(column == 2), query.where(column == 1).order_by(*newest).limit(most_stopped)]


def _urgent_for(readers: Sequence[str], scope: Scope | None, words: Sequence[str], most_stopped: int) -> list[Select[Any]]:
    """The same for a login that does not see all sessions. (There is an index of them by reader and place.)"""
    columns = reader_places.c
    waiting: list[Select[Any]] = []
    stopped: list[Select[Any]] = []
    for reader, (kind, value) in product(readers, [("*", "")] if scope is None else scope):
        query = select(columns.session_id, columns.updated_at).where(
            columns.reader == reader, columns.kind == kind, columns.value == value
        )
        if words:
            query = query.join(sessions, sessions.c.id == columns.session_id).where(*_title_contains(words))
        waiting.append(query.where(columns.attention == 2))
        newest = columns.updated_at.desc(), columns.session_id.desc()
        stopped.append(query.where(columns.attention == 1).order_by(*newest).limit(most_stopped))
    queries: list[Select[Any]] = []
    for pieces, most in ((waiting, None), (stopped, most_stopped)):
        if pieces:
            all_found = union(*(select(piece.subquery()) for piece in pieces)).subquery()
            ids = (
                select(all_found.c.session_id).order_by(all_found.c.updated_at.desc(), all_found.c.session_id.desc()).limit(most)
            )
            queries.append(select(sessions.c.id, sessions.c.session).where(sessions.c.id.in_(ids.scalar_subquery())))
    return queries


def _listed(
    connection: Connection,
    scope: Scope | None,
    states: Sequence[str],
    words: Sequence[str],
    limit: int,
    after: tuple[str, str] | None,
    leave_out: Collection[str],
) -> list[Row[*tuple[Any, ...]]]:
    """Id and time of the next `limit` sessions after `after`, newest first, without those to leave out.

    An index has the sessions of each place and state in this order. So it is enough to read the first few of each, and a page
    takes the same time however many sessions there are.
    """
    pieces: list[Select[Any]] = []
    readers = dialect_of(connection).readers(connection)
    for reader, place in product([None] if readers is None else readers, [None] if scope is None else scope):
        for state in states:
            if reader is not None:
                reader_columns = reader_places.c
                kind, value = ("*", "") if place is None else place
                query = select(reader_columns.session_id.label("id"), reader_columns.updated_at).where(
                    reader_columns.reader == reader,
                    reader_columns.kind == kind,
                    reader_columns.value == value,
                    reader_columns.state == state,
                )
                key: list[ColumnElement[Any]] = [reader_columns.updated_at, reader_columns.session_id]
                if words:
                    query = query.join(sessions, sessions.c.id == reader_columns.session_id)
            elif place is None:
                query = select(sessions.c.id, sessions.c.updated_at).where(sessions.c.state == state)
                key = [sessions.c.updated_at, sessions.c.id]
            else:
                place_columns = session_places.c
                query = select(place_columns.session_id.label("id"), place_columns.updated_at).where(
                    place_columns.kind == place[0], place_columns.value == place[1], place_columns.state == state
                )
                key = [place_columns.updated_at, place_columns.session_id]
                if words:
                    query = query.join(sessions, sessions.c.id == place_columns.session_id)
            if words:
                query = query.where(*_title_contains(words))
            if after is not None:
                query = query.where(tuple_(*key) < tuple_(*after))
            if leave_out:
                query = query.where(key[1].not_in(leave_out))
            pieces.append(query.order_by(*(column.desc() for column in key)).limit(limit))
    if not pieces:
        return []
    found_all = union(*(select(piece.subquery()) for piece in pieces)).subquery()
    newest = select(found_all).order_by(found_all.c.updated_at.desc(), found_all.c.id.desc()).limit(limit)
    return list(connection.execute(newest))


def _titled(
    connection: Connection,
    scope: Scope | None,
    states: Sequence[str],
    words: Sequence[str],
    terms: Sequence[str],
    limit: int,
    after: tuple[str, str] | None,
    leave_out: Collection[str],
) -> list[Row[*tuple[Any, ...]]]:
    """Like `_listed`, for words that occur in few titles: only these titles are compared."""
    query = select(sessions.c.id, sessions.c.updated_at, sessions.c.state).where(
        sessions.c.id.in_(sessions_by_title(connection, terms)), *_title_contains(words)
    )
    if scope is not None:
        query = query.where(is_in_scope(sessions.c.id, scope))
    # The state is compared and the rows are sorted here: in the query, both would make SQLite walk through all sessions.
    rows = [row for row in connection.execute(query) if row.state in states and (after is None or _key(row) < after)]
    return sorted((row for row in rows if row.id not in leave_out), key=_key, reverse=True)[:limit]


def _key(row: Row[*tuple[Any, ...]]) -> tuple[str, str]:
    return row.updated_at, row.id


def _title_contains(words: Sequence[str]) -> list[ColumnElement[bool]]:
    return [sessions.c.title_key.contains(word, autoescape=True) for word in words]


def _cursor(last: _Key) -> str:
    """The position where a page ended."""
    rank, updated_at, session_id = last
    position = [1, updated_at, session_id, *([rank] if rank else [])]
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _position(cursor: str) -> _Key:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        version, updated_at, session_id, *ranks = json.loads(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        version = updated_at = session_id = None
        ranks = []
    if version != 1 or ranks not in ([], [1], [2]) or not isinstance(updated_at, str) or not isinstance(session_id, str):
        raise InvalidParams(
            "The cursor is not one that session/list returned.",
            fields=["cursor"],
            hint="Pass the nextCursor of the previous page, or leave it out to start from the beginning.",
        )
    return int(ranks[0]) if ranks else 0, updated_at, session_id
