"""Deleting a session. What living forks hold of it stays, for as long as one of them lives."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from sessionls.store import lineage
from sessionls.store.engine import dialect_of
from sessionls.store.rows import require
from sessionls.store.schema import (
    claims,
    drafts,
    events,
    external_sessions,
    findings,
    messages,
    parts,
    session_places,
    sessions,
    summaries,
)
from sessionls.store.search import unindex
from sessionls.store.titles import remove_title

__all__ = ["delete_session"]

_TOMBSTONE = update(sessions).where(sessions.c.id == bindparam("key"))
_PARENT = select(sessions.c.parent_id, sessions.c.deleted).where(sessions.c.id == bindparam("id"))
_EMPTY = [
    delete(table).where(table.c.session_id == bindparam("key"))
    for table in (session_places, drafts, parts, claims, findings, external_sessions)
]
_EVENTS = delete(events).where(events.c.session_id == bindparam("key"), events.c.seq > bindparam("above"))
_MESSAGES = delete(messages).where(
    messages.c.session_id == bindparam("key"), or_(messages.c.place.is_(None), messages.c.place > bindparam("above"))
)
_SUMMARIES = delete(summaries).where(summaries.c.session_id == bindparam("key"), summaries.c.at_place > bindparam("above"))


def delete_session(connection: Connection, session_id: str) -> int:
    """Leave a tombstone, and of the content what forks hold. Gives the number of the change."""
    dialect = dialect_of(connection)
    dialect.before_delete(connection)
    remove_title(connection, session_id, require(connection, session_id).title_key)
    emptied = dict.fromkeys(("state", "title_key", "updated_at", "reply", "session", "rest"))
    connection.execute(_TOMBSTONE, {"key": session_id, "deleted": True, **emptied})
    for statement in _EMPTY:
        connection.execute(statement, {"key": session_id})
    # What only this session still held of its deleted ancestors goes with it.
    gone: str | None = session_id
    while gone is not None:
        row = connection.execute(_PARENT, {"id": gone}).one()
        if not row.deleted:
            break
        _erase(connection, gone)
        gone = row.parent_id
    rev = dialect.last_rev(connection, session_id, None)
    connection.execute(_TOMBSTONE, {"key": session_id, "rev": rev})
    return rev


def _erase(connection: Connection, session_id: str) -> None:
    """Erase what no living fork holds of a deleted session."""
    descendants = lineage.descendants(connection, session_id)
    place = max((heir.cut_place for heir in descendants), default=0)
    seq = max((heir.cut_seq for heir in descendants), default=0)
    unindex(connection, session_id, above=place)
    connection.execute(_EVENTS, {"key": session_id, "above": seq})
    connection.execute(_MESSAGES, {"key": session_id, "above": place})
    connection.execute(_SUMMARIES, {"key": session_id, "above": place})
    if not descendants:  # nobody's way leads through here any more
        connection.execute(_TOMBSTONE, {"key": session_id, "parent_id": None, "summary": None})
