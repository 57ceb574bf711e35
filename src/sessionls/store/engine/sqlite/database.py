"""A database in one file: opening, one writer at a time, and watching for commits of other processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from sessionls.domain.errors import StoreUnavailable
from sessionls.store.engine.database import Database, Newest, PollResult, PublishDrafts
from sessionls.store.engine.sqlite.signals import Signals
from sessionls.store.engine.sqlite.watch import watch
from sessionls.store.engine.versions import prepare
from sessionls.store.failures import NO_LOCKS, error_name

__all__ = ["SqliteDatabase"]

# Run directly on the driver, because it runs many times a second.
_NEWEST = (
    "SELECT (SELECT coalesce(max(rev), 0) FROM sessions), (SELECT coalesce(max(n), 0) FROM drafts), "
    'd.n, d.session_id, d.message_id, d.part, d.kind, d."offset", d.text '
    "FROM (SELECT 1) LEFT JOIN drafts AS d ON {drafted} ORDER BY d.n"
)
# Drafts become visible in the order of their numbers, so one number is enough for all sessions. (`+`: search by number, because
# by session all drafts of a long reply would be read each time.)
_DRAFTED = "d.n > ? AND +d.session_id IN ({ids})"
# A writer takes the write lock at the start: upgrading a read lock later can fail at once, without waiting.
_BEGIN = {"read": "BEGIN", "write": "BEGIN IMMEDIATE"}


class SqliteDatabase(Database):
    """Commits are serialized: a writing transaction is the only one from its start."""

    _path: Path | None = None
    _signals: Signals | None = None
    _file: tuple[int, int] | None = None

    @contextlib.contextmanager
    def writing(self, *, drafts: bool = False) -> Iterator[Connection]:  # noqa: ARG002
        self._connection()
        if self._path is not None and _identity(self._path) != self._file:
            self._reset()
            raise StoreUnavailable(
                "The database is gone: its file was moved or deleted while it was in use.",
                hint="Put the file back and try again. Otherwise the next attempt starts with an empty database.",
            )
        with super().writing() as connection:
            yield connection

    def version(self) -> int:
        cursor = self._connection().connection.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchall()[0]
        finally:
            cursor.close()
        return int(version)

    def newest(self, drafted: Mapping[str, int]) -> Newest:
        condition = _DRAFTED.format(ids=", ".join("?" * len(drafted))) if drafted else "0"
        cursor = self._connection().connection.cursor()
        try:
            cursor.execute(_NEWEST.format(drafted=condition), (max(drafted.values()), *drafted) if drafted else ())
            return Newest.of(cursor.fetchall())
        finally:
            cursor.close()

    async def watch(self, poll: Callable[[], Awaitable[PollResult]], publish_drafts: PublishDrafts, stop: asyncio.Event) -> None:  # noqa: ARG002
        assert self._path is not None
        await watch(self._path, self._signals, poll, stop, self._options)

    def signal(self, session_ids: Iterable[str], *, listed: bool) -> None:
        if self._signals is not None:
            self._signals.send(session_ids, listed=listed)

    def follow(self, session_id: str) -> None:
        self._connection()
        if self._signals is not None:
            self._signals.follow(session_id)

    def unfollow(self, session_id: str) -> None:
        if self._signals is not None:
            self._signals.unfollow(session_id)

    def facts(self) -> list[str]:
        assert self._path is not None
        return [f"SQLite {sqlite3.sqlite_version}", f"{self._path.stat().st_size / 1e6:.1f} MB"]

    def vacuum(self) -> None:
        driver = self._connection().connection.driver_connection
        assert driver is not None
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # -- connections -------------------------------------------------------------------------------------------------

    def _is_broken(self, error: DBAPIError) -> bool:
        return error_name(error.orig) in ("SQLITE_CORRUPT", "SQLITE_NOTADB")

    def _open(self) -> Engine:
        url = make_url(self._url)
        if not url.database or url.database == ":memory:":
            raise StoreUnavailable(
                "The database URL is not supported.",
                hint="Set SESSIONLS_DATABASE_URL to sqlite:///path/of/the/file, or leave it unset.",
            )
        path = Path(url.database)
        _create_private(path)
        path = path.resolve()  # SQLite puts its other files next to the target of a symbolic link
        engine = create_engine(
            url.set(database=str(path)), poolclass=NullPool, connect_args={"timeout": self._patience}, hide_parameters=True
        )
        event.listen(engine, "connect", lambda connection, _record: _configure(connection, self._patience, durable=self._durable))
        event.listen(engine, "begin", _begin)
        with engine.connect() as connection:

            def migration_transaction() -> contextlib.AbstractContextManager[object]:
                connection.info["transaction"] = "write"
                return connection.begin()

            if self._may_migrate:
                prepare(connection, migration_transaction)
        self._path, self._file = path, _identity(path)
        if self._options.signals and self._signals is None:
            self._signals = Signals(path)
        return engine


def _create_private(path: Path) -> None:
    """Create the file and its folder for their owner only; SQLite gives its other files the same mode.

    An existing file is not opened here: closing it would drop the locks that this process has on it (POSIX).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _configure(connection: sqlite3.Connection, patience: float, *, durable: bool) -> None:
    connection.isolation_level = None  # `_begin` starts transactions, not the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = FAST")  # overwrite deleted content where that needs no additional writes
    deadline = time.monotonic() + patience
    # SQLite does not wait if another process is changing the journal mode.
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
            if mode != "wal":  # the file system does not support it
                raise StoreUnavailable(NO_LOCKS[0], hint=NO_LOCKS[1])
            break
        except sqlite3.OperationalError as error:
            if error_name(error) not in ("SQLITE_BUSY", "SQLITE_LOCKED") or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    # In WAL mode a killed process loses nothing with either value; with NORMAL a power failure may lose the last changes.
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(_BEGIN[connection.info.get("transaction", "read")])
