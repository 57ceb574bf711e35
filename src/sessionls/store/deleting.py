"""Deleting a session. The content that its forks share stays until the last of them is deleted."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, delete, exists, or_, select, update

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
    titles,
)
from sessionls.store.search import unindex
from sessionls.store.titles import remove_title

__all__ = ["delete_session", "leftovers"]

_TOMBSTONE = update(sessions).where(sessions.c.id == bindparam("key"))
_PARENT = select(sessions.c.parent_id, sessions.c.deleted).where(sessions.c.id == bindparam("id"))
_TABLES = (session_places, drafts, parts, claims, presence, findings, external_sessions)
_DELETE_ROWS = [delete(table).where(table.c.session_id == bindparam("key")) for table in _TABLES]
# Which rows no fork shares. `above` is the number of the last event, or the place of the last message, that one does.
_UNSHARED_EVENTS = (events.c.session_id == bindparam("key")) & (events.c.seq > bindparam("above"))
_UNSHARED_MESSAGES = (messages.c.session_id == bindparam("key")) & or_(
    messages.c.place.is_(None), messages.c.place > bindparam("above")
)
_UNSHARED_IMAGES = (images.c.session_id == bindparam("key")) & (images.c.seq > bindparam("above"))
_UNSHARED_SUMMARIES = (summaries.c.session_id == bindparam("key")) & (summaries.c.at_place > bindparam("above"))
_EVENTS = delete(events).where(_UNSHARED_EVENTS)
_MESSAGES = delete(messages).where(_UNSHARED_MESSAGES)
_IMAGES = delete(images).where(_UNSHARED_IMAGES)
_SUMMARIES = delete(summaries).where(_UNSHARED_SUMMARIES)
_HAS_ROWS = {table.name: select(exists().where(table.c.session_id == bindparam("key"))) for table in (*_TABLES, titles)}
_HAS_UNSHARED_BY_SEQ = {"events": select(exists().where(_UNSHARED_EVENTS)), "images": select(exists().where(_UNSHARED_IMAGES))}
_HAS_UNSHARED_BY_PLACE = {
    "messages": select(exists().where(_UNSHARED_MESSAGES)),
    "summaries": select(exists().where(_UNSHARED_SUMMARIES)),
}


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


def leftovers(connection: Connection, session_id: str) -> Iterator[str]:
    """The tables that still contain something of a deleted session which no fork shares."""
    place, seq, _ = _shared(connection, session_id)
    for name, statement in _HAS_ROWS.items():
        if connection.execute(statement, {"key": session_id}).scalar_one():
            yield name
    for statements, above in ((_HAS_UNSHARED_BY_SEQ, seq), (_HAS_UNSHARED_BY_PLACE, place)):
        for name, statement in statements.items():
            if connection.execute(statement, {"key": session_id, "above": above}).scalar_one():
                yield name
    if dialect_of(connection).is_listed(connection, session_id):
        yield "lists"


def _shared(connection: Connection, session_id: str) -> tuple[int, int, bool]:
    """The last place and the last event that forks share, and whether there are any forks."""
    descendants = lineage.descendants(connection, session_id)
    place = max((descendant.cut_place for descendant in descendants), default=0)
    seq = max((descendant.cut_seq for descendant in descendants), default=0)
    return place, seq, bool(descendants)


def _erase(connection: Connection, session_id: str) -> None:
    """Erase the content of a deleted session that no fork shares."""
    place, seq, has_forks = _shared(connection, session_id)
    unindex(connection, session_id, above=place)
    connection.execute(_EVENTS, {"key": session_id, "above": seq})
    connection.execute(_IMAGES, {"key": session_id, "above": seq})
    connection.execute(_MESSAGES, {"key": session_id, "above": place})
    connection.execute(_SUMMARIES, {"key": session_id, "above": place})
    if not has_forks:  # no fork needs the reference to the parent any more
        connection.execute(_TOMBSTONE, {"key": session_id, "parent_id": None, "summary": None})
