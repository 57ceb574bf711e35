"""The statements that differ by database. Everything else in the store is written once, for all of them."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, TextClause

__all__ = ["Dialect", "Match", "dialect_of"]


@dataclass(frozen=True, slots=True)
class Match:
    """A message that has the words: its number, where it stands, and whether its session is deleted (forks may hold it)."""

    n: int
    session_id: str
    id: str
    place: int | None
    deleted: bool


class Dialect(ABC):
    """Stateless: each method works inside the transaction of the connection that it is given."""

    full_text: Sequence[str]
    """Statements that make the indexes of words in a new database, after the tables."""

    drafts_in_order: bool
    """Whether drafts of all sessions become visible in the order of their numbers. Those of one reply always do."""

    # -- time and numbers --------------------------------------------------------------------------------------------

    @abstractmethod
    def clock_ms(self, connection: Connection) -> int:
        """Milliseconds on the one clock by which all processes that share the database count leases."""

    @abstractmethod
    def first_rev(self, connection: Connection) -> int:
        """The number with which a new session's row is inserted; `last_rev` gives the one that stays."""

    @abstractmethod
    def last_rev(self, connection: Connection, session_id: str, first: int | None) -> int:
        """The number of this change among all changes of all sessions, without a gap.

        Whoever sees a change sees all changes with lower numbers: changes become visible in the order of these numbers. Call
        it last: other writers may have to wait from here to the end of the transaction. `first`: the number with which the
        session was inserted in this transaction; its row is brought up to date.
        """

    @abstractmethod
    def before_delete(self, connection: Connection) -> None:
        """From here to the end of the transaction no other session is deleted."""

    @abstractmethod
    def before_drafts(self, connection: Connection) -> None:
        """Called at the beginning of a transaction that writes only drafts."""

    # -- words of messages -------------------------------------------------------------------------------------------

    @abstractmethod
    def index_message(self, connection: Connection, session_id: str, message_id: str, text: str) -> None:
        """Make these words the ones by which the message is found; none where the text is empty."""

    @abstractmethod
    def unindex_messages(self, connection: Connection, session_id: str, above: int) -> None:
        """The session's messages behind that place, and those that wait, are found no more."""

    @abstractmethod
    def purge(self, connection: Connection, *, first: bool) -> bool:
        """Take a step in erasing the words of deleted messages; says whether there may be more to do."""

    @abstractmethod
    def expressions(self, query: str) -> tuple[str, str]:
        """What to search for: all words, and all words where the last one may be the beginning of one. Empty: nothing."""

    @abstractmethod
    def matches(self, connection: Connection, words: str, here: Mapping[str, Any], few: int) -> Iterator[Match]:
        """The newest first. Whoever reads may stop at any of them, and then nothing more is read.

        `here`: the values of a scope (see `places.scope_values`); empty for all sessions. `few`: a scope of at most so many
        messages is small.
        """

    @abstractmethod
    def ranks(self, connection: Connection, words: str, numbers: Sequence[int]) -> dict[int, float]:
        """How well each of these messages matches: the lower, the better."""

    @abstractmethod
    def snippets(self, connection: Connection, words: str, numbers: Sequence[int]) -> dict[int, str]:
        """Of each of these messages the words around what was found."""

    # -- pieces of titles (see titles.py) ----------------------------------------------------------------------------

    @abstractmethod
    def index_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None: ...

    @abstractmethod
    def unindex_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:
        """`pieces`: what it was indexed with."""

    @abstractmethod
    def purge_titles(self, connection: Connection) -> None:
        """Erase the pieces of deleted titles."""

    @abstractmethod
    def count_titles(self, connection: Connection, pieces: Sequence[str], most: int) -> int:
        """How many titles have all these pieces, counted up to `most` + 1."""

    @abstractmethod
    def titled(self, pieces: Sequence[str]) -> Select[Any] | TextClause:
        """The ids of the sessions whose titles have all these pieces."""


def dialect_of(connection: Connection) -> Dialect:
    return _dialect(connection.dialect.name)


@cache
def _dialect(name: str) -> Dialect:
    module = {"sqlite": "sqlite", "postgresql": "postgres"}[name]
    dialect: Dialect = importlib.import_module(f"sessionls.store.engine.{module}.dialect").DIALECT
    return dialect
