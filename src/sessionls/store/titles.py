"""Finds the sessions with certain words in their titles, without reading each title.

An index has all pieces of one, two and three characters of each title. A title can contain a word only if it has all pieces of
the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, TextClause, bindparam, delete, insert, select

from sessionls.store.engine import dialect_of
from sessionls.store.schema import titles

__all__ = [
    "add_title",
    "change_title",
    "is_rare",
    "pieces_of",
    "purge_titles",
    "remove_title",
    "sessions_by_title",
    "title_terms",
]

_ADD = insert(titles).returning(titles.c.n)
_NUMBER = select(titles.c.n).where(titles.c.session_id == bindparam("id"))
_REMOVE = delete(titles).where(titles.c.n == bindparam("key"))

_LONGEST = 3  # characters of a piece
_MOST = 30  # pieces of a query: more hardly narrow the search


def add_title(connection: Connection, session_id: str, title_key: str) -> None:
    n = connection.execute(_ADD, {"session_id": session_id}).scalar_one()
    dialect_of(connection).index_title(connection, n, pieces_of(title_key))


def change_title(connection: Connection, session_id: str, before: str, after: str) -> None:
    n = connection.execute(_NUMBER, {"id": session_id}).scalar()
    if n is None:  # a process with an older version, running during the migration, created this session
        add_title(connection, session_id, after)
        return
    dialect = dialect_of(connection)
    dialect.unindex_title(connection, n, pieces_of(before))
    dialect.index_title(connection, n, pieces_of(after))


def remove_title(connection: Connection, session_id: str, title_key: str) -> None:
    n = connection.execute(_NUMBER, {"id": session_id}).scalar()
    if n is None:
        return
    dialect_of(connection).unindex_title(connection, n, pieces_of(title_key))
    connection.execute(_REMOVE, {"key": n})


def purge_titles(connection: Connection) -> None:
    """Erase the pieces of deleted titles from the index."""
    dialect_of(connection).purge_titles(connection)


def title_terms(words: Sequence[str]) -> list[str]:
    """The pieces that a title must have to contain all these words."""
    pieces: dict[str, None] = {}
    for word in words:
        length = min(len(word), _LONGEST)
        for start in range(len(word) - length + 1):
            pieces[word[start : start + length]] = None
    return [_term(piece) for piece in list(pieces)[:_MOST]]


def is_rare(connection: Connection, terms: Sequence[str], most: int) -> bool:
    """Whether at most `most` titles have all these pieces."""
    return dialect_of(connection).count_titles(connection, terms, most) <= most


def sessions_by_title(connection: Connection, terms: Sequence[str]) -> Select[Any] | TextClause:
    """The ids of the sessions whose titles have all these pieces."""
    return dialect_of(connection).sessions_by_title(connection, terms)


def pieces_of(title_key: str) -> list[str]:
    """The pieces under which a title is indexed."""
    pieces = {
        word[start : start + length]
        for word in title_key.split()
        for length in range(1, _LONGEST + 1)
        for start in range(len(word) - length + 1)
    }
    return sorted(map(_term, pieces))


def _term(piece: str) -> str:
    """The piece encoded as letters and digits, so that the index treats it as one word."""
    return piece.encode().hex()
