"""PostgreSQL's statements.

Transactions run in parallel. Changes of one session are serialized, because each starts by reading the session's row `FOR
UPDATE`. Changes of all sessions are numbered under one lock, which is taken last and held until the commit. So changes become
visible in the order of their numbers, and a reader that has seen one change has seen all earlier ones.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, TextClause, bindparam, text, update

from sessionls.store.engine.dialect import Dialect, Match
from sessionls.store.engine.postgres.words import any_order, vector, wanted
from sessionls.store.engine.words import Wanted
from sessionls.store.places import IN_SCOPE, scope_parameters
from sessionls.store.schema import CHANGES_FILES, EVENTS_BY_CHANGE, sessions

__all__ = ["CHANNEL", "DELETING", "DIALECT", "MIGRATING", "NUMBERING", "driver_of", "run_together"]

CHANNEL = "sessionls"
"""A notification on this channel says only that something was committed. Readers find the changes in the log."""

EVENTS_BY_CHANGE.dialect_options["postgresql"]["where"] = text(CHANGES_FILES)

# The ids of advisory locks.
NUMBERING, DELETING, MIGRATING = (0x5E55_1015_0000 + n for n in range(3))

_FULL_TEXT = (
    "CREATE TABLE message_text (n BIGINT PRIMARY KEY REFERENCES messages ON DELETE CASCADE, words TSVECTOR NOT NULL)",
    "CREATE INDEX message_text_by_words ON message_text USING gin (words)",
    "CREATE TABLE title_pieces (n BIGINT PRIMARY KEY REFERENCES titles ON DELETE CASCADE, pieces TEXT[] NOT NULL)",
    "CREATE INDEX title_pieces_by_piece ON title_pieces USING gin (pieces)",
)

# All three in one message to the server. Each statement still sees what was committed before it started.
_LOCK = f"SELECT pg_advisory_xact_lock({NUMBERING})"
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', '')"
_MAX = "SELECT greatest(coalesce(max(rev), 0), 0) + 1 FROM sessions"
_NUMBER = f"{_LOCK}; {_NOTIFY}; {_MAX}"
_RENUMBER = update(sessions).where(sessions.c.id == bindparam("key")).values(rev=bindparam("number"))

_UNINDEX = text("DELETE FROM message_text WHERE n = (SELECT n FROM messages WHERE session_id = :session AND id = :id)")
_INDEX = text(
    "INSERT INTO message_text (n, words) SELECT n, CAST(:words AS tsvector) FROM messages "
    "WHERE session_id = :session AND id = :id ON CONFLICT (n) DO UPDATE SET words = excluded.words"
)
_UNINDEX_ABOVE = text(
    "DELETE FROM message_text WHERE n IN "
    "(SELECT n FROM messages WHERE session_id = :session AND (place IS NULL OR place > :place))"
)
_BATCH = 1000
_NEWEST = """
SELECT f.n, m.session_id, m.id, m.place, s.deleted
FROM message_text AS f JOIN messages AS m ON m.n = f.n JOIN sessions AS s ON s.id = m.session_id
WHERE f.words @@ CAST(:words AS tsquery) AND f.n < :below {where}
ORDER BY f.n DESC LIMIT :batch
"""
_PLACED = "AND (s.deleted OR EXISTS (SELECT 1 FROM session_places AS p WHERE p.session_id = s.id AND {place}))"
_RANKS = text(
    "SELECT n, - ts_rank(words, CAST(:words AS tsquery), 1) AS rank FROM message_text WHERE n = ANY(CAST(:those AS bigint[]))"
)
_INDEX_TITLE = text(
    "INSERT INTO title_pieces (n, pieces) VALUES (:n, CAST(:pieces AS text[])) "
    "ON CONFLICT (n) DO UPDATE SET pieces = excluded.pieces"
)
_UNINDEX_TITLE = text("DELETE FROM title_pieces WHERE n = :n")
_COUNT_TITLES = text(
    "SELECT count(*) FROM (SELECT 1 FROM title_pieces WHERE pieces @> CAST(:pieces AS text[]) LIMIT :most + 1) AS found"
)
_TITLED = text(
    "SELECT t.session_id FROM title_pieces AS p JOIN titles AS t ON t.n = p.n WHERE p.pieces @> CAST(:pieces AS text[])"
)


class PostgresDialect(Dialect):
    full_text = _FULL_TEXT
    drafts_in_order = False

    def clock_ms(self, connection: Connection) -> int:
        # The server's clock, read at the start of the transaction: the clocks of client machines may differ.
        clock, read_at = connection.info["clock"]
        return int(clock + (time.monotonic() - read_at) * 1000)

    def first_rev(self, connection: Connection) -> int:  # noqa: ARG002
        return -secrets.randbits(62) - 1  # no other transaction sees it

    def last_rev(self, connection: Connection, session_id: str, first: int | None) -> int:
        rev = run_together(connection, _NUMBER)
        if first is not None:
            connection.execute(_RENUMBER, {"key": session_id, "number": rev})
        return rev

    def before_delete(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({DELETING})")

    def before_drafts(self, connection: Connection) -> None:
        # The next event will contain these drafts, so a server crash may lose the newest of them.
        run_together(connection, f"SET LOCAL synchronous_commit = off; {_NOTIFY}")

    # -- text of messages --------------------------------------------------------------------------------------------

    def index_message(self, connection: Connection, session_id: str, message_id: str, before: str, after: str) -> None:  # noqa: ARG002
        words = vector(after)
        key = {"session": session_id, "id": message_id}
        if words:
            connection.execute(_INDEX, {**key, "words": words})
        else:
            connection.execute(_UNINDEX, key)

    def unindex_messages(self, connection: Connection, session_id: str, above: int) -> None:
        connection.execute(_UNINDEX_ABOVE, {"session": session_id, "place": above})

    def purge(self, connection: Connection, *, first: bool) -> bool:  # noqa: ARG002
        return False  # the server does this by itself

    def expressions(self, query: str) -> tuple[str, str]:
        return any_order(query)

    def matches(self, connection: Connection, words: str, here: Mapping[str, Any], few: int) -> Iterator[Match]:  # noqa: ARG002
        # With the actual words, the server can choose: it reads the newest messages if the words are common, else the index.
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
        statement = _HERE if here else _EVERYWHERE
        below = 1 << 62
        while True:
            rows = connection.execute(statement, {"words": words, "below": below, "batch": _BATCH, **here}).all()
            yield from map(_match, rows)
            if len(rows) < _BATCH:
                return
            below = rows[-1].n

    def ranks(self, connection: Connection, words: str, numbers: Sequence[int]) -> dict[int, float]:
        return {row.n: row.rank for row in connection.execute(_RANKS, {"words": words, "those": list(numbers)})}

    def wanted(self, words: str) -> list[Wanted]:
        return wanted(words)

    # -- pieces of titles --------------------------------------------------------------------------------------------

    def index_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:
        connection.execute(_INDEX_TITLE, {"n": n, "pieces": list(pieces)})

    def unindex_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:  # noqa: ARG002
        connection.execute(_UNINDEX_TITLE, {"n": n})

    def purge_titles(self, connection: Connection) -> None:
        pass

    def count_titles(self, connection: Connection, pieces: Sequence[str], most: int) -> int:
        return int(connection.execute(_COUNT_TITLES, {"pieces": list(pieces), "most": most}).scalar_one())

    def titled(self, pieces: Sequence[str]) -> Select[Any] | TextClause:
        return _TITLED.bindparams(pieces=list(pieces))


def _match(row: Row[*tuple[Any, ...]]) -> Match:
    return Match(row.n, row.session_id, row.id, row.place, row.deleted)


def _statement(where: str) -> TextClause:
    return text(_NEWEST.format(where=where.format(place=IN_SCOPE))).bindparams(bindparam("batch", type_=Integer))


_EVERYWHERE = _statement("")
_HERE = _statement(_PLACED).bindparams(*scope_parameters())


def run_together(connection: Connection, statements: str) -> int:
    """Send several statements at once; gives the number that the last one finds, 0 where it finds none."""
    # (By the driver itself: the database's library reads only the first answer.)
    cursor = driver_of(connection).execute(statements, prepare=False)
    while cursor.nextset():
        pass
    (found,) = cursor.fetchone()
    return int(found) if found else 0


def driver_of(connection: Connection) -> Any:
    """The driver's own connection."""
    return connection.connection.driver_connection


DIALECT = PostgresDialect()
