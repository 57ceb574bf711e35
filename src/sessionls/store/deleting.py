"""Deleting a session. The content that its forks share stays until the last of them is deleted."""

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
    images,
    messages,
    parts,
    presence,
    session_places,
    sessions,
    summaries,
)
from sessionls.store.search import unindex
from sessionls.store.titles import remove_title

__all__ = ["delete_session"]

_TOMBSTONE = update(sessions).where(sessions.c.id == bindparam("key"))
_PARENT = select(sessions.c.parent_id, sessions.c.deleted).where(sessions.c.id == bindparam("id"))
_DELETE_ROWS = [
    delete(table).where(table.c.session_id == bindparam("key"))
    for table in (session_places, drafts, parts, claims, presence, findings, external_sessions)
]
_EVENTS = delete(events).where(events.c.session_id == bindparam("key"), events.c.seq > bindparam("above"))
_MESSAGES = delete(messages).where(
    messages.c.session_id == bindparam("key"), or_(messages.c.place.is_(None), messages.c.place > bindparam("above"))
)
_IMAGES = delete(images).where(images.c.session_id == bindparam("key"), images.c.seq > bindparam("above"))
_SUMMARIES = delete(summaries).where(summaries.c.session_id == bindparam("key"), summaries.c.at_place > bindparam("above"))


def delete_session(connection: Connection, session_id: str) -> int:
    """Replace the session with a tombstone, and keep only the content that forks share. Returns the number of the change."""
    dialect = dialect_of(connection)
    require(connection, session_id)
    if (number := dialect.delete(connection, session_id)) is not None:
        return number
    dialect.before_delete(connection)
    remove_title(connection, session_id, require(connection, session_id).title_key)
    emptied = dict.fromkeys(("state", "title_key", "updated_at", "reply", "attention", "session", "rest"))
    connection.execute(_TOMBSTONE, {"key": session_id, "deleted": True, **emptied})
    for statement in _DELETE_ROWS:
        connection.execute(statement, {"key": session_id})
    # Deleted ancestors may have kept content only for this session: erase that, too.
    deleted: str | None = session_id
    while deleted is not None:
        row = connection.execute(_PARENT, {"id": deleted}).one()
        if not row.deleted:
            break
        _erase(connection, deleted)
        deleted = row.parent_id
    rev = dialect.last_rev(connection, session_id, None)
    connection.execute(_TOMBSTONE, {"key": session_id, "rev": rev})
    return rev


def _erase(connection: Connection, session_id: str) -> None:
    """Erase the content of a deleted session that no fork shares."""
    descendants = lineage.descendants(connection, session_id)
    place = max((descendant.cut_place for descendant in descendants), default=0)
    seq = max((descendant.cut_seq for descendant in descendants), default=0)
    unindex(connection, session_id, above=place)
    connection.execute(_EVENTS, {"key": session_id, "above": seq})
    connection.execute(_IMAGES, {"key": session_id, "above": seq})
    connection.execute(_MESSAGES, {"key": session_id, "above": place})
    connection.execute(_SUMMARIES, {"key": session_id, "above": place})
    if not descendants:  # no fork needs the reference to the parent any more
        connection.execute(_TOMBSTONE, {"key": session_id, "parent_id": None, "summary": None})
