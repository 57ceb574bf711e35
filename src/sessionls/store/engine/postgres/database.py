"""A database on a PostgreSQL server: connections, parallel transactions, and watching for commits of other processes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Engine, NullPool, RootTransaction, create_engine, event
from sqlalchemy.exc import DBAPIError

from sessionls.domain.errors import StoreUnavailable
from sessionls.store.engine.database import Database, Seen
from sessionls.store.engine.postgres.dialect import MIGRATING, driver_of, run_together
from sessionls.store.engine.postgres.watch import Listener, watch
from sessionls.store.engine.versions import prepare

if TYPE_CHECKING:
    import psycopg

__all__ = ["PostgresDatabase", "connect"]

_BEGIN = {
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "write": "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
}
_CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_NEWEST = """
SELECT (SELECT rev FROM numbering WHERE only_row), EXISTS (SELECT 1 FROM drafts WHERE {drafted})
"""
_FACTS = """
SELECT split_part(current_setting('server_version'), ' ', 1), session_user::text, pg_database_size(current_database())
"""
_HAS_RIGHTS = "SELECT to_regprocedure('sessionls_admin()') IS NOT NULL"
_IS_ADMIN = "SELECT sessionls_admin()"
# A transaction pooler may hand out another connection than the one in which a statement was prepared.
_NOT_PREPARED = ("26000", "42P05")
_MIGRATION = 300  # seconds that a process waits while another migrates the database
# Notice a dead connection within about half a minute; the default is two hours.
_ALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
_CONNECT = 10  # seconds to connect


class PostgresDatabase(Database):
    """Transactions of several processes run in parallel; `dialect.py` explains how their changes stay in order."""

    def __init__(self, url: str, patience: float, *, durable: bool = False) -> None:
        super().__init__(url, patience, durable=durable)
        self._own: set[int] = set()  # the server's process ids for this process's connections
        self._prepares = True

    def version(self) -> None:
        return None

    def newest(self, drafted: Mapping[str, int]) -> tuple[int, int, bool]:
        pairs = list(drafted.items())
        new = " OR ".join(["(session_id = %s AND n > %s)"] * len(pairs)) or "false"
        sql = _NEWEST.format(drafted=new)
        import psycopg

        for again in (False, True):
            connection = self._connection()
            try:
                rev, found = driver_of(connection).execute(sql, [value for pair in pairs for value in pair]).fetchone()
                return int(rev), 0, bool(found)
            except psycopg.OperationalError:
                self._drop()
                if again:
                    raise
        raise AssertionError

    async def watch(self, poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
        await watch(Listener(lambda: connect(self._url), self._own), poll, stop)

    def facts(self) -> list[str]:
        with self.reading() as connection:
            driver = driver_of(connection)
            version, role, size = driver.execute(_FACTS).fetchone()
            rights = ""
            if driver.execute(_HAS_RIGHTS).fetchone()[0]:
                is_admin = driver.execute(_IS_ADMIN).fetchone()[0]
                rights = " (owns the tables: sees all sessions)" if is_admin else " (sees what is shared with it)"
            began = time.monotonic()
            driver.execute("SELECT 1")
            latency = (time.monotonic() - began) * 1000
        with connect(self._url) as other:
            listens = Listener(lambda: connect(self._url), ()).works_on(other)
        return [
            f"PostgreSQL {version}",
            f"{size / 1e6:.1f} MB",
            f"login {role}{rights}",
            "TLS" if driver.pgconn.ssl_in_use else "no TLS",
            f"{latency:.1f} ms away",
            "notifies of changes (LISTEN)" if listens else "does not notify of changes (LISTEN), so it is polled",
        ]

    def vacuum(self) -> None:
        driver_of(self._connection()).execute("VACUUM (ANALYZE)")

    def close(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            return
        driver = None if connection.closed or connection.invalidated else driver_of(connection)
        if driver is None or driver.closed:
            self._drop()
        else:
            self._own.discard(driver.info.backend_pid)
            super().close()

    # -- connections -------------------------------------------------------------------------------------------------

    def _drop(self) -> None:
        """Drop this thread's unusable connection."""
        connection: Connection | None = self._local.connection
        self._local.connection = None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()
            connection.close()

    def _begun(self, kind: Literal["read", "write"]) -> tuple[Connection, RootTransaction]:
        import psycopg

        try:
            return super()._begun(kind)
        except (DBAPIError, psycopg.OperationalError):
            if getattr(self._local, "connection", None) is None:
                raise  # connecting failed
            self._drop()  # the server may have restarted; nothing was done yet, so try once more
            return super()._begun(kind)

    def _is_broken(self, error: DBAPIError) -> bool:
        if getattr(error.orig, "sqlstate", None) in _NOT_PREPARED:
            self._prepares = False
            return True
        connection: Connection | None = getattr(self._local, "connection", None)
        return connection is not None and (connection.invalidated or bool(getattr(connection.connection, "closed", False)))

    def _connect(self) -> psycopg.Connection[Any]:
        connection = connect(self._url)
        if not self._prepares:
            connection.prepare_threshold = None
        self._own.add(connection.info.backend_pid)
        return connection

    def _open(self) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://", creator=self._connect, poolclass=NullPool, hide_parameters=True, use_native_hstore=False
        )
        event.listen(engine, "begin", self._begin)
        with engine.connect() as connection:
            if self._renews:
                prepare(connection, lambda: _alone(connection))
        return engine

    def _begin(self, connection: Connection) -> None:
        kind = connection.info.get("transaction", "read")
        patience = max(round(self._patience * 1000), 1)
        clock = run_together(
            connection,
            f"{_BEGIN[kind]}; SET LOCAL lock_timeout = {patience}; "
            # A process that is suspended in the middle of a transaction would block all others.
            f"SET LOCAL idle_in_transaction_session_timeout = {max(patience * 3 // 5, 1000)}; {_CLOCK}",
        )
        connection.info["clock"] = (clock, time.monotonic())


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    connection.info["transaction"] = "write"
    with connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_MIGRATION}s'")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        yield


_driver = threading.Lock()


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection in autocommit mode. Raises `StoreUnavailable` without the driver, or for an invalid URL."""
    try:
        with _driver:
            import psycopg
            from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise StoreUnavailable(
            "The driver for PostgreSQL is not installed.", hint="Install it: pip install 'sessionls[postgres]'"
        ) from None
    scheme, _, rest = url.partition("://")
    try:
        given = conninfo_to_dict(f"{scheme.partition('+')[0]}://{rest}")
    except psycopg.Error:  # its message repeats the URL, which may contain a password
        raise StoreUnavailable(
            "The database URL is not valid.",
            hint="Use the form postgresql://user@host:5432/database?sslmode=verify-full, with special characters as %20.",
        ) from None
    chosen: dict[str, Any] = {"connect_timeout": _CONNECT, "application_name": "sessionls", **_ALIVE, **given}
    return psycopg.connect("", autocommit=True, **chosen)
