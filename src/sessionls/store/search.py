"""Full text search over messages: SQLite's FTS5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text

from sessionls.sessions.model import Message
from sessionls.sessions.ports import Hit
from sessionls.store import lineage
from sessionls.store.rows import require, session_of

__all__ = ["index_message", "purge", "search", "unindex"]

_UNINDEX = text("DELETE FROM message_text WHERE rowid IN (SELECT n FROM messages WHERE session_id = :session AND id = :id)")
_INDEX = text("INSERT INTO message_text (rowid, text) SELECT n, :text FROM messages WHERE session_id = :session AND id = :id")
_UNINDEX_ABOVE = text(
    "DELETE FROM message_text WHERE rowid IN "
    "(SELECT n FROM messages WHERE session_id = :session AND (place IS NULL OR place > :place))"
)
_MERGE = text("INSERT INTO message_text (message_text, rank) VALUES ('merge', :pages)")
_PAGES = 64
# FTS5 gives its rows by rank, best first, and stops at the limit.
_MATCHES = """
SELECT m.session_id, m.id, m.place, s.deleted, f.rank AS rank,
       snippet(message_text, 0, '', '', '…', 24) AS snippet
FROM message_text AS f JOIN messages AS m ON m.n = f.rowid JOIN sessions AS s ON s.id = m.session_id
WHERE message_text MATCH :words AND {who}
ORDER BY f.rank LIMIT :limit
"""
_PLACED = """
NOT s.deleted AND EXISTS (SELECT 1 FROM session_places AS p WHERE p.session_id = s.id
AND (p.kind = 'identity' AND p.value IN :identities OR p.kind = 'folder' AND p.value IN :folders))
"""
_LIVING = text(_MATCHES.format(who="NOT s.deleted"))
_LIVING_HERE = text(_MATCHES.format(who=_PLACED)).bindparams(
    bindparam("identities", expanding=True), bindparam("folders", expanding=True)
)
_DELETED = text(_MATCHES.format(who="s.deleted"))
_IS_HERE = text(
    "SELECT 1 FROM session_places WHERE session_id = :id "
    "AND (kind = 'identity' AND value IN :identities OR kind = 'folder' AND value IN :folders)"
).bindparams(bindparam("identities", expanding=True), bindparam("folders", expanding=True))


_Ranked = tuple[float, str, "Row[*tuple[Any, ...]]"]  # rank (the lower the better), the session it is reported under, the match


def index_message(connection: Connection, session_id: str, message: Message) -> None:
    """Make a message's words, as they are now, the ones that are found."""
    key = {"session": session_id, "id": message.id}
    connection.execute(_UNINDEX, key)
    if message.text:
        connection.execute(_INDEX, {**key, "text": message.text})


def unindex(connection: Connection, session_id: str, *, above: int) -> None:
    """Find the session's messages behind that place, and those that wait, no more."""
    connection.execute(_UNINDEX_ABOVE, {"session": session_id, "place": above})


def purge(connection: Connection, *, first: bool) -> bool:
    """Take a step in clearing the index of words that no message has any more; says whether there may be more to do.

    FTS5 only notes that a row is deleted; its words leave the file when all segments of the index are merged, which here
    happens a few pages at a time. (Its option `secure-delete` would lock out SQLite before 3.42.)
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    before = driver.total_changes
    connection.execute(_MERGE, {"pages": -_PAGES if first else _PAGES})
    return bool(driver.total_changes - before >= 2)  # as FTS5 documents it


def search(
    connection: Connection, query: str, *, identities: Sequence[str] | None, folders: Sequence[str] | None, limit: int
) -> list[Hit]:
    """The messages with all these words, the best first; the last word may be the beginning of one."""
    words = _expression(query)
    if not words:
        return []
    everywhere = identities is None and folders is None
    places: dict[str, Any] = {} if everywhere else {"identities": list(identities or ()), "folders": list(folders or ())}
    found = list(connection.execute(_LIVING if everywhere else _LIVING_HERE, {"words": words, "limit": limit, **places}))
    ranked = [(row.rank, row.session_id, row) for row in found]
    ranked += _inherited(connection, words, places, limit)
    ranked.sort(key=lambda one: one[0])
    sessions = {}
    for _, session_id, _row in ranked[:limit]:
        if session_id not in sessions:
            sessions[session_id] = session_of(require(connection, session_id))
    return [Hit(sessions[session_id], row.id, row.snippet) for _, session_id, row in ranked[:limit]]


def _inherited(connection: Connection, words: str, places: dict[str, Any], limit: int) -> list[_Ranked]:
    """What is left of deleted sessions belongs to their forks: each match under the oldest fork that holds it."""
    found: list[_Ranked] = []
    heirs: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(_DELETED, {"words": words, "limit": 10 * limit}):
        if row.session_id not in heirs:
            living = lineage.heirs(connection, row.session_id)
            heirs[row.session_id] = [
                heir for heir in living if not places or connection.execute(_IS_HERE, {"id": heir.id, **places}).first()
            ]
        holder = next((heir.id for heir in heirs[row.session_id] if row.place <= heir.cut_place), None)
        if holder is not None:
            found.append((row.rank, holder, row))
    return found


def _expression(query: str) -> str:
    """FTS5's expression for these words: each quoted, so that nothing in it is syntax."""
    text = query.encode(errors="replace").decode().replace("\0", " ")
    words = ['"' + word.replace('"', '""') + '"' for word in text.split() if any(map(str.isalnum, word))]
    return " ".join(words) + " *" if words else ""
