"""SQLite's statements. Two FTS5 tables index the text of messages and the pieces of titles.

A common word may occur in a million messages, so the cost of a search must not depend on the number of matches. FTS5's own
ranking reads every match, so it is applied only to the messages that were already selected.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, func, or_, select, text

from sessionls.domain.errors import SessionUnreadable
from sessionls.store.engine.dialect import Dialect, Match
from sessionls.store.engine.words import QueryWord, words_of
from sessionls.store.parts import is_growing
from sessionls.store.places import IN_SCOPE, scope_parameters
from sessionls.store.rows import MESSAGE_COLUMNS, message_of, with_content
from sessionls.store.schema import messages, sessions

__all__ = ["DIALECT"]

# `message_text`: the text of messages, numbered by `messages.n`. `title_pieces`: the pieces of titles (see titles.py), numbered
# by `titles.n`. Neither index has a copy of its content, so a deletion must name the text that was indexed.
_FULL_TEXT = (
    """CREATE VIRTUAL TABLE message_text
    USING fts5(text, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')""",
    "CREATE VIRTUAL TABLE title_pieces USING fts5(pieces, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii')",
)

_REV = select(func.coalesce(func.max(sessions.c.rev), 0) + 1)

_INDEX = text("INSERT INTO message_text (rowid, text) SELECT n, :text FROM messages WHERE session_id = :session AND id = :id")
_UNINDEX = text(
    "INSERT INTO message_text (message_text, rowid, text) "
    "SELECT 'delete', n, :text FROM messages WHERE session_id = :session AND id = :id"
)
_UNINDEX_N = text("INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', :n, :text)")
_ABOVE = (
    select(messages.c.n, *MESSAGE_COLUMNS)
    .select_from(with_content(messages))
    .where(messages.c.session_id == bindparam("session"))
    .where(or_(messages.c.place.is_(None), messages.c.place > bindparam("place")))
)
_MERGE = text("INSERT INTO message_text (message_text, rank) VALUES ('merge', :pages)")
_PAGES = 64

# Newest first, which FTS5 reads directly from its index: the reader may stop at any row.
_NEWEST = """
SELECT f.rowid AS n, m.session_id, m.id, m.place, s.deleted
FROM message_text AS f CROSS JOIN messages AS m ON m.n = f.rowid CROSS JOIN sessions AS s ON s.id = m.session_id
WHERE message_text MATCH :words {where}
ORDER BY f.rowid DESC
"""
_PLACED = "AND (s.deleted OR EXISTS (SELECT 1 FROM session_places AS p WHERE p.session_id = s.id AND {place}))"
# `+` prevents FTS5 from looking up each of these rows separately.
_AMONG = """AND +f.rowid IN (
  SELECT m.n FROM session_places AS p CROSS JOIN messages AS m ON m.session_id = p.session_id WHERE {place}
  UNION ALL
  SELECT m.n FROM sessions AS s CROSS JOIN messages AS m ON m.session_id = s.id WHERE s.state IS NULL
)"""
_SIZE = """
SELECT count(*) FROM (
  SELECT 1 FROM session_places AS p CROSS JOIN messages AS m ON m.session_id = p.session_id WHERE {place} LIMIT :most + 1
)"""
_OF_THESE = """
SELECT rowid AS n, bm25(message_text) AS rank FROM message_text
WHERE message_text MATCH :words AND rowid BETWEEN :first AND :last AND +rowid IN :those
"""

_COUNT_MATCHES = text("SELECT count(*) FROM (SELECT 1 FROM message_text WHERE message_text MATCH :words LIMIT :most + 1)")
_COMMON = 1000  # matches

_INDEX_TITLE = text("INSERT INTO title_pieces (rowid, pieces) VALUES (:n, :pieces)")
_UNINDEX_TITLE = text("INSERT INTO title_pieces (title_pieces, rowid, pieces) VALUES ('delete', :n, :pieces)")
_MERGE_TITLES = text("INSERT INTO title_pieces (title_pieces, rank) VALUES ('merge', :pages)")
_TITLE_PAGES = 1000
_COUNT_TITLES = text("SELECT count(*) FROM (SELECT 1 FROM title_pieces WHERE title_pieces MATCH :terms LIMIT :most + 1)")
_TITLED = text("SELECT session_id FROM titles WHERE n IN (SELECT rowid FROM title_pieces WHERE title_pieces MATCH :terms)")


def _here(statement: str) -> TextClause:
    """A statement about the sessions of a scope."""
    return text(statement.format(place=IN_SCOPE)).bindparams(*scope_parameters())


_EVERYWHERE = text(_NEWEST.format(where=""))
_HERE = _here(_NEWEST.format(where=_PLACED))
_HERE_AMONG_FEW = _here(_NEWEST.format(where=_AMONG))
_SCOPE_SIZE = _here(_SIZE)
_RANKS = text(_OF_THESE).bindparams(bindparam("those", expanding=True))
_QUOTED = re.compile(r'"((?:[^"]|"")+)"( \*)?')


class SqliteDialect(Dialect):
    full_text = _FULL_TEXT
    drafts_in_order = True

    def clock_ms(self, connection: Connection) -> int:  # noqa: ARG002
        # A monotonic clock cannot be set. It is the same for all processes of the machine, starts with the machine, and stops
        # while the machine sleeps.
        return time.monotonic_ns() // 1_000_000

    # Only one transaction writes at a time, and its commit is visible before the next one starts.

    def first_rev(self, connection: Connection) -> int:
        return int(connection.execute(_REV).scalar_one())

    def newest_rev(self, connection: Connection) -> int:
        return self.first_rev(connection) - 1

    def last_rev(self, connection: Connection, session_id: str, first: int | None) -> int:  # noqa: ARG002
        return self.first_rev(connection) if first is None else first

    def before_delete(self, connection: Connection) -> None:
        pass

    # -- text of messages --------------------------------------------------------------------------------------------

    def index_message(self, connection: Connection, session_id: str, message_id: str, before: str, after: str) -> None:
        key = {"session": session_id, "id": message_id}
        for statement, words in ((_UNINDEX, before), (_INDEX, after)):
            if words:
                connection.execute(statement, {**key, "text": words})

    def unindex_messages(self, connection: Connection, session_id: str, above: int) -> None:
        rows = connection.execute(_ABOVE, {"session": session_id, "place": above}).all()
        for row in rows:
            try:
                message = message_of(row)
            except SessionUnreadable:  # the text is unknown, so its words stay in the index; searches skip the message
                continue
            if message.text and not is_growing(message):
                connection.execute(_UNINDEX_N, {"n": row.n, "text": message.text})

    def purge(self, connection: Connection, *, first: bool) -> bool:
        # FTS5 only marks a row as deleted. Its text leaves the file when all segments of the index are merged, here a few pages
        # at a time. (With its option `secure-delete`, SQLite before 3.42 could not open the database.)
        driver = connection.connection.driver_connection
        assert driver is not None
        before = driver.total_changes
        connection.execute(_MERGE, {"pages": -_PAGES if first else _PAGES})
        return bool(driver.total_changes - before >= 2)  # as FTS5 documents it

    def expressions(self, query: str) -> tuple[str, str]:
        # Words are quoted, so that they contain no search syntax.
        clean = query.encode(errors="replace").decode().replace("\0", " ")
        words = ['"' + word.replace('"', '""') + '"' for word in clean.split() if any(map(str.isalnum, word))]
        return (" ".join(words), " ".join(words) + " *") if words else ("", "")

    def matches(self, connection: Connection, words: str, here: Mapping[str, Any], few: int) -> Iterator[Match]:
        statement = _EVERYWHERE
        if here:
            # Few matches are looked up one by one. Many matches may all be elsewhere: then a small scope is searched instead.
            common = connection.execute(_COUNT_MATCHES, {"words": words, "most": _COMMON}).scalar_one() > _COMMON
            small = common and connection.execute(_SCOPE_SIZE, {**here, "most": few}).scalar_one() <= few
            statement = _HERE_AMONG_FEW if small else _HERE
        with connection.execute(statement, {"words": words, **here}) as rows:
            for row in rows:
                yield Match(row.n, row.session_id, row.id, row.place, row.deleted)

    def ranks(self, connection: Connection, words: str, numbers: Sequence[int]) -> dict[int, float]:
        key = {"words": words, "first": min(numbers), "last": max(numbers), "those": numbers}
        return {row.n: row.rank for row in connection.execute(_RANKS, key)}

    def query_words(self, words: str) -> list[QueryWord]:
        found: list[QueryWord] = []
        for quoted, is_prefix in _QUOTED.findall(words):
            *whole, last = words_of(quoted)
            found += [*(QueryWord(word, is_prefix=False) for word in whole), QueryWord(last, is_prefix=bool(is_prefix))]
        return found

    # -- pieces of titles --------------------------------------------------------------------------------------------

    def index_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:
        connection.execute(_INDEX_TITLE, {"n": n, "pieces": " ".join(pieces)})

    def unindex_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:
        connection.execute(_UNINDEX_TITLE, {"n": n, "pieces": " ".join(pieces)})

    def purge_titles(self, connection: Connection) -> None:
        connection.execute(_MERGE_TITLES, {"pages": -_TITLE_PAGES})

    def count_titles(self, connection: Connection, pieces: Sequence[str], most: int) -> int:
        return int(connection.execute(_COUNT_TITLES, {"terms": " ".join(pieces), "most": most}).scalar_one())

    def sessions_by_title(self, connection: Connection, pieces: Sequence[str]) -> TextClause:  # noqa: ARG002
        return _TITLED.bindparams(terms=" ".join(pieces))


DIALECT = SqliteDialect()
