"""Which sessions have certain words in their titles, without reading each title.

A full text index over the pieces of one, two and three characters of each title narrows a search down: a word can only stand in a
title that has all pieces of the word.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, text

from sessionls.store.schema import titles

__all__ = ["MATCHING", "add_title", "change_title", "is_rare", "pieces_of", "purge_titles", "remove_title", "title_terms"]

_ADD = insert(titles).returning(titles.c.n)
_NUMBER = select(titles.c.n).where(titles.c.session_id == bindparam("id"))
_REMOVE = delete(titles).where(titles.c.n == bindparam("key"))
_INDEX = text("INSERT INTO title_pieces (rowid, pieces) VALUES (:n, :pieces)")
# The index keeps no copy of what it holds, and so must be told what it is to forget.
_UNINDEX = text("INSERT INTO title_pieces (title_pieces, rowid, pieces) VALUES ('delete', :n, :pieces)")
_MERGE = text("INSERT INTO title_pieces (title_pieces, rank) VALUES ('merge', :pages)")
_COUNT = text("SELECT count(*) FROM (SELECT 1 FROM title_pieces WHERE title_pieces MATCH :terms LIMIT :most + 1)")

MATCHING = text("SELECT session_id FROM titles WHERE n IN (SELECT rowid FROM title_pieces WHERE title_pieces MATCH :terms)")
"""The ids of the sessions whose titles match `terms`."""

_LONGEST = 3  # characters of a piece
_MOST = 30  # pieces of a query: more do not narrow it down much further
_PAGES = 1000


def add_title(connection: Connection, session_id: str, title_key: str) -> None:
    n = connection.execute(_ADD, {"session_id": session_id}).scalar_one()
    connection.execute(_INDEX, {"n": n, "pieces": pieces_of(title_key)})


def change_title(connection: Connection, session_id: str, before: str, after: str) -> None:
    n = connection.execute(_NUMBER, {"id": session_id}).scalar()
    if n is None:  # made by a process of an older version, which was running when the database was brought up to date
        add_title(connection, session_id, after)
        return
    connection.execute(_UNINDEX, {"n": n, "pieces": pieces_of(before)})
    connection.execute(_INDEX, {"n": n, "pieces": pieces_of(after)})


def remove_title(connection: Connection, session_id: str, title_key: str) -> None:
    n = connection.execute(_NUMBER, {"id": session_id}).scalar()
    if n is None:
        return
    connection.execute(_UNINDEX, {"n": n, "pieces": pieces_of(title_key)})
    connection.execute(_REMOVE, {"key": n})


def purge_titles(connection: Connection) -> None:
    """After a deletion: clear the pieces of deleted titles from the index."""
    connection.execute(_MERGE, {"pages": -_PAGES})


def title_terms(words: Sequence[str]) -> str:
    """What a title must have for all the words to stand in it, as an expression of FTS5."""
    wanted: dict[str, None] = {}
    for word in words:
        length = min(len(word), _LONGEST)
        for start in range(len(word) - length + 1):
            wanted[word[start : start + length]] = None
    return " ".join(map(_term, list(wanted)[:_MOST]))


def is_rare(connection: Connection, terms: str, most: int) -> bool:
    """Whether at most `most` titles match."""
    return bool(connection.execute(_COUNT, {"terms": terms, "most": most}).scalar_one() <= most)


def pieces_of(title_key: str) -> str:
    """What the index holds of a title."""
    found = {
        word[start : start + length]
        for word in title_key.split()
        for length in range(1, _LONGEST + 1)
        for start in range(len(word) - length + 1)
    }
    return " ".join(sorted(map(_term, found)))


def _term(piece: str) -> str:
    """A piece as letters and digits alone, which the index takes for one word."""
    return piece.encode().hex()
