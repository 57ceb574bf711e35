"""PostgreSQL's statements.

Transactions run in parallel. Changes of one session are serialized, because each starts by reading the session's row `FOR
UPDATE`. Changes of all sessions are numbered under one lock, which is taken last and held until the commit. So changes become
visible in the order of their numbers, and a reader that has seen one change has seen all earlier ones.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, Select, TextClause, bindparam, func, text, true, update
from sqlalchemy.exc import DBAPIError

from sessionls.domain.model import Role
from sessionls.domain.roles import ROLES, TEAM
from sessionls.domain.scope import FOLDER, REPOSITORY
from sessionls.ports.store import Delta
from sessionls.store.columns import escape
from sessionls.store.engine.dialect import Dialect, Match
from sessionls.store.engine.postgres.rights import apply_rights
from sessionls.store.engine.postgres.rights.tables import ACCESS_TABLES, FULL_TEXT_TABLES, READER_COLUMNS
from sessionls.store.engine.postgres.words import query_expressions, query_words, vector
from sessionls.store.engine.words import QueryWord
from sessionls.store.places import IN_SCOPE, scope_parameters
from sessionls.store.schema import CHANGES_FILES, EVENTS_BY_CHANGE, sessions

__all__ = ["CHANNEL", "DELETING", "DIALECT", "MIGRATING", "NUMBERING", "driver_of", "run_together"]

CHANNEL = "sessionls"
"""A notification on this channel says only that something was committed. Readers find the changes in the log."""

EVENTS_BY_CHANGE.dialect_options["postgresql"]["where"] = text(CHANGES_FILES)

# The ids of advisory locks.
NUMBERING, DELETING, MIGRATING = (0x5E55_1015_0000 + n for n in range(3))

_BEGIN_DRAFTS = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
# The next event will contain the drafts, so a server crash may lose the newest of them.
_LIMIT = (
    "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true), "
    f"set_config('statement_timeout', %s, true), set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', '')"
)
# (No other process takes over the reply before the transaction ends.)
_SAVE_DRAFTS = """
INSERT INTO drafts (session_id, message_id, part, kind, "offset", text)
SELECT d.session_id, d.message_id, d.part, d.kind, d."offset", d.text
FROM unnest(%s::text[], %s::text[], %s::integer[], %s::text[], %s::integer[], %s::text[])
WITH ORDINALITY AS d (session_id, message_id, part, kind, "offset", text, place)
JOIN sessions AS s ON s.id = d.session_id AND s.reply = d.message_id
JOIN claims AS c ON c.session_id = s.id AND c.message_id = s.reply AND c.process = %s
ORDER BY d.place FOR SHARE OF c
"""
_NUMBER = text("SELECT sessionls_next_rev(), pg_current_xact_id()::text")  # takes the lock, and notifies
_NEWEST_REV = text("SELECT rev FROM numbering WHERE only_row")
_RIGHTS = text("SELECT session_user::text AS login, sessionls_admin() AS admin")
_ROLE = text("SELECT sessionls_role(:id)")
_REVOKED = text(
    "SELECT DISTINCT session_id FROM access AS gone WHERE role = 0 AND rev > :since AND NOT EXISTS "
    "(SELECT 1 FROM access AS left_ WHERE left_.session_id = gone.session_id AND left_.heir = gone.session_id AND left_.role > 0)"
)
_IS_LISTED = text("SELECT EXISTS (SELECT 1 FROM reader_places WHERE session_id = :id)")
_DELETE = text("SELECT sessionls_delete(:id), pg_current_xact_id()::text")
_RENUMBER = update(sessions).where(sessions.c.id == bindparam("key")).values(rev=bindparam("number"))

_UNINDEX = text("DELETE FROM message_text WHERE n = (SELECT n FROM messages WHERE session_id = :session AND id = :id)")
_INDEX = text(
    "INSERT INTO message_text (n, words) SELECT n, CAST(:words AS tsvector) FROM messages "
    "WHERE session_id = :session AND id = :id ON CONFLICT (n) DO UPDATE SET words = excluded.words"
)
_INDEX_HIDDEN = text("SELECT sessionls_index_words(:session, :id, :words)")
_UNINDEX_ABOVE = text(
    "DELETE FROM message_text WHERE n IN "
    "(SELECT n FROM messages WHERE session_id = :session AND (place IS NULL OR place > :place))"
)
_BATCH = 500  # as many as a search reads
_NEWEST = """
SELECT f.n, m.session_id, m.id, m.place, s.deleted
FROM message_text AS f JOIN messages AS m ON m.n = f.n JOIN sessions AS s ON s.id = m.session_id
WHERE f.words @@ CAST(:words AS tsquery) AND f.n < :below {where}
ORDER BY f.n DESC LIMIT :batch
"""
_PLACED = "AND (s.deleted OR EXISTS (SELECT 1 FROM session_places AS p WHERE p.session_id = s.id AND {place}))"
# For logins that do not see all rows: functions with more rights use the full-text indexes, and return only permitted rows.
_HIDDEN = (
    "SELECT f.n, f.session_id, f.id, f.place, f.deleted, {here} AS here "
    "FROM sessionls_matches(:words, :below, :batch, CAST(:within AS text[])) AS f"
)
_HIDDEN_PLACED = "(f.deleted OR EXISTS (SELECT 1 FROM session_places AS p WHERE p.session_id = f.session_id AND {place}))"
_HIDDEN_RANKS = text("SELECT n, rank FROM sessionls_ranks(:words, CAST(:those AS bigint[]))")
_HIDDEN_TITLES = text("SELECT count(*) FROM sessionls_titled(CAST(:pieces AS text[]), :most + 1)")
_HIDDEN_TITLED = text("SELECT session_id FROM sessionls_titled(CAST(:pieces AS text[]), NULL)")
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
    full_text = (*FULL_TEXT_TABLES, *ACCESS_TABLES, *READER_COLUMNS)
    drafts_in_order = False

    # -- rights ------------------------------------------------------------------------------------------------------

    def apply_rights(self, connection: Connection) -> None:
        apply_rights(connection, numbering=NUMBERING, deleting=DELETING)

    def readers(self, connection: Connection) -> Sequence[str] | None:
        # (Cached for each connection: its login does not change. A login that becomes an owner of the tables has to reconnect.)
        if "readers" not in connection.info:
            rights = connection.execute(_RIGHTS).one()
            connection.info["readers"] = None if rights.admin else (rights.login, TEAM)
        readers: Sequence[str] | None = connection.info["readers"]
        return readers

    def role(self, connection: Connection, session_id: str) -> Role:
        if self.readers(connection) is None:
            return "owner"
        return ROLES[max(int(connection.execute(_ROLE, {"id": session_id}).scalar_one()) - 1, 0)]

    def covers(self, connection: Connection, session_id: ColumnElement[str], needed: Role) -> ColumnElement[bool]:
        if self.readers(connection) is None:
            return true()
        return func.sessionls_role(session_id) > ROLES.index(needed)

    def revoked(self, connection: Connection, since: int) -> Sequence[str]:
        if self.readers(connection) is None:
            return ()
        return connection.execute(_REVOKED, {"since": since}).scalars().all()

    def keep_session(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({DELETING})")

    def delete(self, connection: Connection, session_id: str) -> int | None:
        rev, connection.info["commit"] = connection.execute(_DELETE, {"id": session_id}).one()
        return int(rev)

    def is_listed(self, connection: Connection, session_id: str) -> bool:
        return bool(connection.execute(_IS_LISTED, {"id": session_id}).scalar_one())

    # -- time and numbers ----------------------------------------------------------------------------------------------

    def clock_ms(self, connection: Connection) -> int:
        # The server's clock, read at the start of the transaction: the clocks of client machines may differ.
        clock, read_at = connection.info["clock"]
        return int(clock + (time.monotonic() - read_at) * 1000)

    def first_rev(self, connection: Connection) -> int:  # noqa: ARG002
        return -secrets.randbits(62) - 1  # no other transaction sees it

    def newest_rev(self, connection: Connection) -> int:
        return int(connection.execute(_NEWEST_REV).scalar_one())

    def last_rev(self, connection: Connection, session_id: str, first: int | None) -> int:
        rev, connection.info["commit"] = connection.execute(_NUMBER).one()
        if first is not None:
            connection.execute(_RENUMBER, {"key": session_id, "number": rev})
        return int(rev)

    def before_delete(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({DELETING})")

    def send_drafts(self, connection: Connection, drafts: Sequence[Delta], process: str) -> bool:
        # All in one round trip: the longer a save takes, the less often other processes get new text.
        import psycopg

        driver = driver_of(connection)
        rows = [
            (draft.session_id, draft.message_id, draft.part, draft.kind, draft.offset, escape(draft.text)) for draft in drafts
        ]
        try:
            with driver.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():
                driver.execute(_BEGIN_DRAFTS)
                driver.execute(_LIMIT, [str(value) for value in connection.info["limits"].values()])
                driver.execute(_SAVE_DRAFTS, [*map(list, zip(*rows, strict=True)), process])
                driver.execute("COMMIT")
        except psycopg.Error as error:
            raise DBAPIError("saving drafts", None, error, hide_parameters=True, connection_invalidated=driver.closed) from error
        return True

    # -- text of messages --------------------------------------------------------------------------------------------

    def index_message(self, connection: Connection, session_id: str, message_id: str, before: str, after: str) -> None:  # noqa: ARG002
        words = vector(after)
        key = {"session": session_id, "id": message_id}
        if self.readers(connection) is not None:
            connection.execute(_INDEX_HIDDEN, {**key, "words": words or None})
        elif words:
            connection.execute(_INDEX, {**key, "words": words})
        else:
            connection.execute(_UNINDEX, key)

    def unindex_messages(self, connection: Connection, session_id: str, above: int) -> None:
        connection.execute(_UNINDEX_ABOVE, {"session": session_id, "place": above})

    def purge(self, connection: Connection, *, first: bool) -> bool:  # noqa: ARG002
        return False  # the server does this itself

    def expressions(self, query: str) -> tuple[str, str]:
        return query_expressions(query)

    def matches(self, connection: Connection, words: str, here: Mapping[str, Any], few: int) -> Iterator[Match]:  # noqa: ARG002
        # With the actual words, the server can choose: it reads the newest messages if the words are common, else the index.
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
        hidden = self.readers(connection) is not None
        everywhere, placed = (_HIDDEN_EVERYWHERE, _HIDDEN_HERE) if hidden else (_EVERYWHERE, _HERE)
        statement = placed if here else everywhere
        values = {"words": words, "batch": _BATCH, **here}
        if hidden:
            values["within"] = _within(here)
        below = 1 << 62
        while True:
            rows = connection.execute(statement, {**values, "below": below}).all()
            yield from (_match(row) for row in rows if not hidden or row.here)
            if len(rows) < _BATCH:
                return
            below = rows[-1].n

    def ranks(self, connection: Connection, words: str, numbers: Sequence[int]) -> dict[int, float]:
        ranks = _RANKS if self.readers(connection) is None else _HIDDEN_RANKS
        return {row.n: row.rank for row in connection.execute(ranks, {"words": words, "those": list(numbers)})}

    def query_words(self, words: str) -> list[QueryWord]:
        return query_words(words)

    # -- pieces of titles --------------------------------------------------------------------------------------------

    def index_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:
        connection.execute(_INDEX_TITLE, {"n": n, "pieces": list(pieces)})

    def unindex_title(self, connection: Connection, n: int, pieces: Sequence[str]) -> None:  # noqa: ARG002
        connection.execute(_UNINDEX_TITLE, {"n": n})

    def purge_titles(self, connection: Connection) -> None:
        pass

    def count_titles(self, connection: Connection, pieces: Sequence[str], most: int) -> int:
        count = _COUNT_TITLES if self.readers(connection) is None else _HIDDEN_TITLES
        return int(connection.execute(count, {"pieces": list(pieces), "most": most}).scalar_one())

    def sessions_by_title(self, connection: Connection, pieces: Sequence[str]) -> Select[Any] | TextClause:
        statement = _TITLED if self.readers(connection) is None else _HIDDEN_TITLED
        return statement.bindparams(pieces=list(pieces))


def _within(here: Mapping[str, Any]) -> list[str] | None:
    """The places of the scope in the format of the full-text index; None for all."""
    if not here:
        return None
    return [f"{kind}:{value}" for kind, values in ((FOLDER, "folders"), (REPOSITORY, "repositories")) for value in here[values]]


def _match(row: Row[*tuple[Any, ...]]) -> Match:
    return Match(row.n, row.session_id, row.id, row.place, row.deleted)


def _statement(where: str) -> TextClause:
    return text(_NEWEST.format(where=where.format(place=IN_SCOPE))).bindparams(bindparam("batch", type_=Integer))


_EVERYWHERE = _statement("")
_HERE = _statement(_PLACED).bindparams(*scope_parameters())
_HIDDEN_EVERYWHERE = text(_HIDDEN.format(here="true")).bindparams(bindparam("batch", type_=Integer))
_HIDDEN_HERE = text(_HIDDEN.format(here=_HIDDEN_PLACED.format(place=IN_SCOPE))).bindparams(
    bindparam("batch", type_=Integer), *scope_parameters()
)


def run_together(connection: Connection, statements: str) -> int:
    """Send several statements at once. Returns the number that the last one selects, or 0."""
    # (Directly with the driver: SQLAlchemy reads only the first result.)
    cursor = driver_of(connection).execute(statements, prepare=False)
    while cursor.nextset():
        pass
    (value,) = cursor.fetchone()
    return int(value) if value else 0


def driver_of(connection: Connection) -> Any:
    """The driver's own connection."""
    return connection.connection.driver_connection


DIALECT = PostgresDialect()
