"""The statements that differ between databases. Everything else in the store is the same for all of them."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, TextClause, true

from sessionls.domain.model import Role
from sessionls.ports.store import Delta
from sessionls.store.engine.words import QueryWord

__all__ = ["Dialect", "Match", "dialect_of"]


@dataclass(frozen=True, slots=True)
class Match:
    """A message that contains the words. `deleted`: its session is deleted, but forks may share the message."""

    n: int
    session_id: str
    id: str
    place: int | None
    deleted: bool


class Dialect(ABC):
    """Stateless. Each method works inside the transaction of the given connection."""

    full_text: Sequence[str]
    """Statements that create the full-text indexes in a new database, after the tables."""

    drafts_in_order: bool
    """Whether the drafts of all sessions become visible in the order of their numbers. Drafts of one reply always do."""

    # -- rights ------------------------------------------------------------------------------------------------------

    def apply_rights(self, connection: Connection) -> None:  # noqa: B027 (most databases have nothing to do)
        """Set up access control, after the tables were created or changed."""

    def readers(self, connection: Connection) -> Sequence[str] | None:  # noqa: ARG002
        """The readers as which this login sees sessions (see `access`); None if it sees all of them."""
        return None

    def role(self, connection: Connection, session_id: str) -> Role:  # noqa: ARG002
        """This login's role in a session that it sees."""
        return "owner"

    def covers(self, connection: Connection, session_id: ColumnElement[str], needed: Role) -> ColumnElement[bool]:  # noqa: ARG002
        """The condition that this login's role in the session includes the rights of `needed`."""
        return true()

    def revoked(self, connection: Connection, since: int) -> Sequence[str]:  # noqa: ARG002
        """The sessions that this login no longer sees because of changes after number `since`."""
        return ()

    def keep_session(self, connection: Connection) -> None:  # noqa: B027
        """Prevent the deletion of sessions that the transaction reads from here to its end."""

    def delete(self, connection: Connection, session_id: str) -> int | None:  # noqa: ARG002
        """Delete the session like `deleting.py`, and return the number of the change. None: `deleting.py` must do it."""
        return None

    def is_listed(self, connection: Connection, session_id: str) -> bool:  # noqa: ARG002
        """Whether the session is in some reader's lists, where these are tables of their own."""
        return False

    # -- time and numbers --------------------------------------------------------------------------------------------

    @abstractmethod
    def clock_ms(self, connection: Connection) -> int:
        """Milliseconds on the clock that all processes sharing the database use for leases."""

    @abstractmethod
    def first_rev(self, connection: Connection) -> int:
        """The preliminary number with which the row of a new session is inserted; `last_rev` returns the final one."""

    @abstractmethod
    def newest_rev(self, connection: Connection) -> int:
        """The number of the newest change that is visible."""

    @abstractmethod
    def last_rev(self, connection: Connection, session_id: str, first: int | None) -> int:
        """The number of this change among all changes of all sessions. The numbers have no gaps.

        Changes become visible in the order of these numbers: a reader that sees a change sees all changes with lower numbers.
        Call this last, because other writers may have to wait from here to the end of the transaction. `first`: the preliminary
        number of a session inserted in this transaction; its row gets the final number.
        """

    @abstractmethod
    def before_delete(self, connection: Connection) -> None:
        """Prevent other processes from deleting any session until the end of the transaction."""

    def send_drafts(self, connection: Connection, drafts: Sequence[Delta], process: str) -> bool:  # noqa: ARG002
        """Save drafts of replies that the process writes, in a `Database.writing` that is only for them.

        False if the caller has to do it, like in any other transaction.
        """
        return False

    # -- text of messages --------------------------------------------------------------------------------------------

    @abstractmethod
    def index_message(self, connection: Connection, session_id: str, message_id: str, before: str, after: str) -> None:
        """Index the text `after` for the message, in place of `before`. An empty text is not in the index."""

    @abstractmethod
    def unindex_messages(self, connection: Connection, session_id: str, above: int) -> None:
        """Remove the session's queued messages and those after place `above` from the index. Call it before they are deleted."""

    @abstractmethod
    def purge(self, connection: Connection, *, first: bool) -> bool:
        """Take one step in erasing the text of deleted messages. Returns whether there may be more to do."""

    @abstractmethod
    def expressions(self, query: str) -> tuple[str, str]:
        """Two search expressions: for all words as they are, and with the last word as a prefix. Both may be empty."""

    @abstractmethod
    def matches(self, connection: Connection, words: str, here: Mapping[str, Any], few: int) -> Iterator[Match]:
        """Matches, newest first, read lazily: the caller may stop at any of them.

        `here`: the values of a scope (see `places.scope_values`); empty for all sessions. `few`: a scope with at most this many
        messages is small.
        """

    @abstractmethod
    def ranks(self, connection: Connection, words: str, numbers: Sequence[int]) -> dict[int, float]:
        """The rank of each of these messages. Lower is better."""

    @abstractmethod
    def query_words(self, words: str) -> list[QueryWord]:
        """The words that such an expression searches for."""

    # -- pieces of titles (see titles.py) ----------------------------------------------------------------------------

    @abstractmethod
    def index_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None: ...

    @abstractmethod
    def unindex_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:
        """`pieces` must be the pieces that it was indexed with."""

    @abstractmethod
    def purge_titles(self, connection: Connection) -> None:
        """Erase the pieces of deleted titles."""

    @abstractmethod
    def count_titles(self, connection: Connection, pieces: Sequence[str], most: int) -> int:
        """The number of titles that have all these pieces, counted up to `most` + 1."""

    @abstractmethod
    def sessions_by_title(self, connection: Connection, pieces: Sequence[str]) -> Select[Any] | TextClause:
        """The ids of the sessions whose titles have all these pieces."""


def dialect_of(connection: Connection) -> Dialect:
    return _dialect(connection.dialect.name)


@cache
def _dialect(name: str) -> Dialect:
    module = {"sqlite": "sqlite", "postgresql": "postgres"}[name]
    dialect: Dialect = importlib.import_module(f"sessionls.store.engine.{module}.dialect").DIALECT
    return dialect
