"""Full text search over messages: SQLite's FTS5.

A common word stands in a million messages, so what a search costs must not depend on how many messages match. FTS5's own ranking
reads every match. Here the newest `_RANKED` matches are found first; only if there are fewer of them are they ranked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, TextClause, bindparam, text

from sessionls.domain.model import Message
from sessionls.domain.scope import Scope
from sessionls.ports.store import Hit
from sessionls.store import lineage
from sessionls.store.places import IN_SCOPE, scope_parameters, scope_values
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

_RANKED = 500  # matches: so many are ranked; where there are more, the newest come first
_SNIPPET = 1000  # characters of a snippet at most
_FEW = 20_000  # messages: in a scope of at most so many, the matches are looked for among these alone

# Newest first, which is the order in which FTS5 keeps them: whoever reads this may stop at any row.
_NEWEST = """
SELECT f.rowid AS n, m.session_id, m.id, m.place, s.deleted
FROM message_text AS f CROSS JOIN messages AS m ON m.n = f.rowid CROSS JOIN sessions AS s ON s.id = m.session_id
WHERE message_text MATCH :words {where}
ORDER BY f.rowid DESC
"""
_PLACED = "AND (s.deleted OR EXISTS (SELECT 1 FROM session_places AS p WHERE p.session_id = s.id AND {place}))"
# `+` keeps FTS5 from looking each of them up by itself.
_AMONG = """AND +f.rowid IN (
  SELECT m.n FROM session_places AS p CROSS JOIN messages AS m ON m.session_id = p.session_id WHERE {place}
  UNION ALL
  SELECT m.n FROM sessions AS s CROSS JOIN messages AS m ON m.session_id = s.id WHERE s.state IS NULL
)"""
_SIZE = """
SELECT count(*) FROM (
  SELECT 1 FROM session_places AS p CROSS JOIN messages AS m ON m.session_id = p.session_id WHERE {place} LIMIT :most + 1
)"""
_ONE_PLACE = "SELECT 1 FROM session_places AS p WHERE p.session_id = :id AND {place}"
_OF_THESE = """
SELECT rowid AS n, {what} FROM message_text
WHERE message_text MATCH :words AND rowid BETWEEN :first AND :last AND +rowid IN :those
"""


def _here(statement: str) -> TextClause:
    """A statement about the sessions of a scope."""
    return text(statement.format(place=IN_SCOPE)).bindparams(*scope_parameters())


_EVERYWHERE = text(_NEWEST.format(where=""))
_HERE = _here(_NEWEST.format(where=_PLACED))
_HERE_AMONG_FEW = _here(_NEWEST.format(where=_AMONG))
_SCOPE_SIZE = _here(_SIZE)
_IS_HERE = _here(_ONE_PLACE)
_RANKS = text(_OF_THESE.format(what="bm25(message_text)")).bindparams(bindparam("those", expanding=True))
_SNIPPETS = text(_OF_THESE.format(what="snippet(message_text, 0, '', '', '…', 24)")).bindparams(
    bindparam("those", expanding=True)
)


@dataclass(frozen=True, slots=True)
class _Match:
    """The message number `n`, found by these `words`, and the session it is reported under."""

    n: int
    session_id: str
    message_id: str
    words: str


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


def search(connection: Connection, query: str, *, scope: Scope | None, limit: int) -> list[Hit]:
    """The messages with all these words; the last word may be the beginning of one.

    The best first, where at most `_RANKED` messages match, else the newest first.
    """
    here = {} if scope is None else scope_values(scope)
    whole, beginning = _expressions(query)
    if not whole:
        return []
    # To find all words with one beginning takes FTS5 as long as all their matches are; so it is asked for them only where the
    # word itself is not common.
    found = _newest(connection, whole, here)
    if len(found) < _RANKED:
        found = _newest(connection, beginning, here)
    best = (_ranked(connection, found) if len(found) < _RANKED else found)[:limit]
    snippets = dict(_about(connection, _SNIPPETS, best))
    sessions = {session_id: session_of(require(connection, session_id)) for session_id in {one.session_id for one in best}}
    return [Hit(sessions[one.session_id], one.message_id, _short(snippets[one.n])) for one in best]


def _short(snippet: str) -> str:
    """FTS5 counts words, and a word may be of any length."""
    return snippet if len(snippet) <= _SNIPPET else f"{snippet[:_SNIPPET]}…"


def _newest(connection: Connection, words: str, here: Mapping[str, Any]) -> list[_Match]:
    """The newest `_RANKED` matches, the newest first."""
    statement = _EVERYWHERE
    if here:
        few = connection.execute(_SCOPE_SIZE, {**here, "most": _FEW}).scalar_one() <= _FEW
        statement = _HERE_AMONG_FEW if few else _HERE
    with connection.execute(statement, {"words": words, **here}) as rows:
        return list(islice(_reported(connection, rows, words, here), _RANKED))


def _reported(
    connection: Connection, rows: Iterator[Row[*tuple[Any, ...]]], words: str, here: Mapping[str, Any]
) -> Iterator[_Match]:
    """What is left of deleted sessions belongs to their forks: each match under the oldest fork that holds it."""
    descendants: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in rows:
        session_id: str | None = row.session_id
        if row.deleted:
            if row.session_id not in descendants:
                living = lineage.descendants(connection, row.session_id)
                descendants[row.session_id] = [
                    heir for heir in living if not here or connection.execute(_IS_HERE, {"id": heir.id, **here}).first()
                ]
            session_id = next((heir.id for heir in descendants[row.session_id] if row.place <= heir.cut_place), None)
        if session_id is not None:
            yield _Match(row.n, session_id, row.id, words)


def _ranked(connection: Connection, found: Sequence[_Match]) -> list[_Match]:
    """The best first; of two that are as good, the newer."""
    ranks = dict(_about(connection, _RANKS, found))
    return sorted(found, key=lambda one: ranks[one.n])


def _about(connection: Connection, statement: TextClause, matches: Sequence[_Match]) -> list[tuple[int, Any]]:
    """What the statement says of each of the matches of one search."""
    if not matches:
        return []
    numbers = [one.n for one in matches]
    key = {"words": matches[0].words, "first": min(numbers), "last": max(numbers), "those": numbers}
    return [(n, value) for n, value in connection.execute(statement, key)]


def _expressions(query: str) -> tuple[str, str]:
    """FTS5's expressions for these words, each quoted, so that nothing in it is syntax: with the last one whole, or begun."""
    clean = query.encode(errors="replace").decode().replace("\0", " ")
    words = ['"' + word.replace('"', '""') + '"' for word in clean.split() if any(map(str.isalnum, word))]
    return (" ".join(words), " ".join(words) + " *") if words else ("", "")
