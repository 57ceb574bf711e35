"""A database on a PostgreSQL server: connections, parallel transactions, and watching for commits of other processes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, NullPool, RootTransaction, create_engine, event
from sqlalchemy.exc import DBAPIError

from sessionls.domain.errors import StoreUnavailable
from sessionls.store.columns import unescape
from sessionls.store.engine.database import CommitUnknown, Database, Kind, Newest, PollResult, PublishDrafts
from sessionls.store.engine.postgres.dialect import MIGRATING, driver_of, run_together
from sessionls.store.engine.postgres.watch import Listener, watch
from sessionls.store.engine.versions import prepare
from sessionls.store.options import StoreOptions

if TYPE_CHECKING:
    import psycopg

    from sessionls.store.engine.postgres.connection import BoundedConnection

__all__ = ["PostgresDatabase", "connect"]

_BEGIN = {
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "write": "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
}
_CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_NEWEST = """
SELECT (SELECT rev FROM numbering WHERE only_row), NULL,
d.n, d.session_id, d.message_id, d.part, d.kind, d."offset", d.text
FROM (SELECT 1) AS one LEFT JOIN drafts AS d ON {drafted} ORDER BY d.n
"""
_FACTS = """
SELECT split_part(current_setting('server_version'), ' ', 1), session_user::text, pg_database_size(current_database())
"""
_HAS_RIGHTS = "SELECT to_regprocedure('sessionls_admin()') IS NOT NULL"
_IS_ADMIN = "SELECT sessionls_admin()"
# A transaction pooler may hand out another connection than the one in which a statement was prepared.
_NOT_PREPARED = ("26000", "42P05")
# The server became a replica: another host of the URL may be the primary server now.
_READ_ONLY = ("25006", "0A000")
# Suspended for too long, changed by others at the same time, or not prepared: a transaction that failed so can be repeated.
_REPEATED = ("25P03", "25P04", "40001", "40P01", *_NOT_PREPARED)
_MIGRATION = 300  # seconds that a process waits while another migrates the database
_STATUS = "SELECT pg_xact_status(%s::xid8)"
_LISTENING = 5.0  # seconds of silence, when the listener has asked something
_HURRY = 2.0  # seconds of silence that are allowed while the process ends


class PostgresDatabase(Database):
    """Transactions of several processes run in parallel; `dialect.py` explains how their changes stay in order."""

    pause_factor = 2.0  # saving drafts does not wait for the server's disk

    def __init__(
        self,
        url: str,
        patience: float,
        *,
        durable: bool = False,
        options: StoreOptions = StoreOptions(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__(url, patience, durable=durable, options=options)
        self._hurries = False
        self._failed: tuple[float, str] | None = None  # when connecting failed last, and why
        self._own_pids: set[int] = set()  # the server's process ids for this process's connections
        self._uses_prepared_statements = True

    def version(self) -> None:
        return None

    def newest(self, drafted: Mapping[str, int]) -> Newest:
        import psycopg

        for is_retry in (False, True):
            connection = self._connection()
            try:
                return _newest(driver_of(connection), drafted)
            except psycopg.OperationalError:
                self._drop()
                if is_retry:
                    raise
        raise AssertionError

    async def watch(self, poll: Callable[[], Awaitable[PollResult]], publish_drafts: PublishDrafts, stop: asyncio.Event) -> None:
        listener = Listener(
            lambda: connect(self._url, lambda: _LISTENING),
            self._own_pids,
            self._options.notification_test_seconds,
            lambda connection: publish_drafts(lambda drafted: _newest(connection, drafted)),
        )
        await watch(listener, poll, stop)

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
        with self._new_connection() as other:
            listens = Listener(self._new_connection, (), self._options.notification_test_seconds).works_on(other)
        return [
            f"PostgreSQL {version}",
            f"{size / 1e6:.1f} MB",
            f"login {role}{rights}",
            "TLS" if driver.pgconn.ssl_in_use else "no TLS",
            f"{latency:.1f} ms away",
            "notifies of changes (LISTEN)" if listens else "does not notify of changes (LISTEN), so it is polled",
        ]

    def allow(self, seconds: float) -> None:
        if (silence := getattr(self._local, "silence", None)) is not None and silence < seconds:
            self._local.silence = seconds
            driver_of(self._connection()).execute(f"SET LOCAL statement_timeout = {round(seconds * 900)}")

    def may_repeat(self, error: DBAPIError) -> bool:
        if getattr(error.orig, "sqlstate", None) in _REPEATED:
            return True
        return error.connection_invalidated and "does not answer" not in str(error.orig)

    def committed(self, commit: str) -> bool:
        import psycopg

        deadline = time.monotonic() + self._options.commit_status_seconds
        while True:
            try:
                with self._new_connection() as connection:
                    row = connection.execute(_STATUS, (commit,)).fetchone()
                status = row[0] if row else None
            except psycopg.errors.InvalidParameterValue:  # a replica that took over without this change
                return False
            except psycopg.OperationalError:
                status = None
            if status in ("committed", "aborted"):
                return bool(status == "committed")
            if time.monotonic() > deadline:
                raise CommitUnknown(commit)
            time.sleep(0.1)

    def hurry(self) -> None:
        self._hurries = True

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
            self._own_pids.discard(driver.info.backend_pid)
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

    @contextlib.contextmanager
    def _transaction(self, kind: Kind) -> Iterator[Connection]:
        finished, commit = False, None
        try:
            with super()._transaction(kind) as connection:
                yield connection
                finished, commit = True, connection.info.get("commit")
        except DBAPIError:
            if finished and kind == "read":
                return  # everything was read already, and may be marked as published
            # If the connection broke during the commit, only the server knows whether it took effect.
            lost = getattr(self._local, "connection", None) is None
            if commit is None or not lost or not self.committed(commit):
                raise

    def _begin_transaction(self, kind: Kind) -> tuple[Connection, RootTransaction]:
        import psycopg

        try:
            return super()._begin_transaction(kind)
        except (DBAPIError, psycopg.OperationalError):
            if getattr(self._local, "connection", None) is None:
                raise  # connecting failed
            self._drop()  # the server may have restarted; nothing was done yet, so try once more
            return super()._begin_transaction(kind)

    def _is_broken(self, error: DBAPIError) -> bool:
        state = getattr(error.orig, "sqlstate", None)
        if state in _NOT_PREPARED:
            self._uses_prepared_statements = False
            return True
        if state in _READ_ONLY:
            return True
        connection: Connection | None = getattr(self._local, "connection", None)
        return connection is not None and (connection.invalidated or bool(getattr(connection.connection, "closed", False)))

    def _allowed_silence(self) -> float | None:
        silence: float | None = getattr(self._local, "silence", None)
        if self._hurries:
            return _HURRY if silence is None else min(silence, _HURRY)
        return silence

    def _new_connection(self) -> BoundedConnection:
        return connect(self._url, self._allowed_silence)

    def _connect(self) -> BoundedConnection:
        if self._failed is not None and getattr(self._local, "requested_at", float("inf")) < self._failed[0]:
            import psycopg

            raise psycopg.OperationalError(self._failed[1])  # this work waited during that attempt: do not wait again
        try:
            connection = self._new_connection()
        except StoreUnavailable:
            raise
        except Exception as error:
            self._failed = time.monotonic(), str(error)
            raise
        if not self._uses_prepared_statements:
            connection.prepare_threshold = None
        self._own_pids.add(connection.info.backend_pid)
        return connection

    def _open(self) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://", creator=self._connect, poolclass=NullPool, hide_parameters=True, use_native_hstore=False
        )
        event.listen(engine, "begin", self._begin)
        if self._may_migrate:
            silence, self._local.silence = getattr(self._local, "silence", None), None  # a migration takes its time
            try:
                with engine.connect() as connection:
                    prepare(connection, lambda: _migration_transaction(connection))
            finally:
                self._local.silence = silence
        return engine

    def _begin(self, connection: Connection) -> None:
        kind = connection.info.get("transaction", "read")
        patience = max(round(self._patience * 1000), 1)
        limits = {
            "lock_timeout": patience,
            # A process that is suspended in the middle of a transaction would block all others.
            "idle_in_transaction_session_timeout": max(patience * 3 // 5, 1000),
            "statement_timeout": round((self._allowed_silence() or 0) * 900),
        }
        connection.info["limits"], connection.info["commit"] = limits, None
        if kind == "drafts":
            return  # `send_drafts` sends its own BEGIN together with its statements
        settings = "; ".join(f"SET LOCAL {name} = {value}" for name, value in limits.items())
        clock = run_together(connection, f"{_BEGIN[kind]}; {settings}; {_CLOCK}")
        connection.info["clock"] = (clock, time.monotonic())


def _newest(driver: psycopg.Connection[Any], drafted: Mapping[str, int]) -> Newest:
    condition = " OR ".join(["(d.session_id = %s AND d.n > %s)"] * len(drafted)) or "false"
    values = [value for pair in drafted.items() for value in pair]
    rows = driver.execute(_NEWEST.format(drafted=condition).encode(), values).fetchall()
    return Newest.of([(*row[:-1], unescape(row[-1] or "")) for row in rows])


@contextlib.contextmanager
def _migration_transaction(connection: Connection) -> Iterator[None]:
    connection.info["transaction"] = "write"
    with connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_MIGRATION}s'")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        yield


_driver_lock = threading.Lock()


def connect(url: str, silence: Callable[[], float | None] = lambda: None) -> BoundedConnection:
    """A connection in autocommit mode. Raises `StoreUnavailable` without the driver, or for an invalid URL.

    `silence` returns for how many seconds the server may send nothing.
    """
    try:
        with _driver_lock:
            from sessionls.store.engine.postgres.connection import open_connection
    except ImportError:
        raise StoreUnavailable(
            "The driver for PostgreSQL is not installed.", hint="Install it: pip install 'sessionls[postgres]'"
        ) from None
    return open_connection(url, silence)
