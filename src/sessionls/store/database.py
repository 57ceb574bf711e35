"""One database, with one connection for each thread that uses it: opening, transactions, and errors in our words."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from sessionls.domain.errors import StoreUnavailable
from sessionls.store import migrations
from sessionls.store.failures import DATA_DIR, NO_LOCKS, error_name
from sessionls.store.schema import FULL_TEXT, metadata

__all__ = ["Database"]

log = logging.getLogger(__name__)

# Asked of the driver itself, since it is asked many times a second.
_NEWEST = "SELECT (SELECT coalesce(max(rev), 0) FROM sessions), (SELECT coalesce(max(n), 0) FROM drafts), {drafted}"
_DRAFTED = "EXISTS (SELECT 1 FROM drafts WHERE n > ? AND session_id IN ({ids}))"


class Database:
    """Opened by the first thread that uses it. A transaction waits `patience` seconds for another process's to end.

    What is committed outlives a killed process; where it is `durable`, a power cut as well.

    Not for the event loop: everything here waits for the disk.
    """

    def __init__(self, url: str, patience: float, *, durable: bool = False) -> None:
        self._url = url
        self._patience = patience
        self._durable = durable
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._path: Path | None = None
        self._file: tuple[int, int] | None = None
        self._local = threading.local()

    @property
    def opened(self) -> bool:
        return self._engine is not None

    @property
    def path(self) -> Path:
        """The file of a database that is open."""
        assert self._path is not None
        return self._path

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is now, and nothing that others write meanwhile."""
        connection = self._connection()
        connection.info["begin"] = "BEGIN"
        with self._transaction(connection):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction alone among all writers: committed at the end, undone where an error leaves it."""
        connection = self._connection()
        if self._path is not None and _identity(self._path) != self._file:
            self._forget()
            raise StoreUnavailable(
                "The database is gone: its file was moved or deleted while it was in use.",
                hint="Put the file back and try again; without it the next try begins with an empty database.",
            )
        connection.info["begin"] = "BEGIN IMMEDIATE"  # to upgrade a read lock later can fail, without waiting
        with self._transaction(connection):
            yield connection

    def data_version(self) -> int:
        """A number that changes when a connection other than this thread's has committed."""
        cursor = self._connection().connection.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchall()[0]
        finally:
            cursor.close()
        return int(version)

    def newest(self, session_ids: Collection[str], after: int) -> tuple[int, int, bool]:
        """The number of the last change of a session, that of the last draft, and whether one above `after` is of these."""
        drafted = _DRAFTED.format(ids=", ".join("?" * len(session_ids)))
        cursor = self._connection().connection.cursor()
        try:
            cursor.execute(_NEWEST.format(drafted=drafted if session_ids else "0"), (after, *session_ids) if session_ids else ())
            rev, draft, found = cursor.fetchall()[0]
        finally:
            cursor.close()
        return int(rev), int(draft), bool(found)

    def close(self) -> None:
        """Close this thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    # -- connections -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        try:
            with connection.begin():
                yield
        except DBAPIError as error:
            if error.connection_invalidated or error_name(error.orig) in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
                with contextlib.suppress(DBAPIError):
                    self.close()
            raise

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None and self._local.engine is self._engine:
            return connection
        self.close()
        with self._lock:
            if self._engine is None:
                self._engine = self._open()
            engine = self._engine
        self._local.connection = connection = engine.connect()
        self._local.engine = engine
        return connection

    def _forget(self) -> None:
        """Open anew at the next use."""
        self.close()
        with self._lock:
            self._engine = None

    def _open(self) -> Engine:
        url = _understood(self._url)
        assert url.database is not None
        path = Path(url.database)
        _create_private(path)
        path = path.resolve()  # SQLite keeps its other files beside the file that a link leads to
        engine = create_engine(
            url.set(database=str(path)), poolclass=NullPool, connect_args={"timeout": self._patience}, hide_parameters=True
        )
        event.listen(engine, "connect", lambda connection, _record: _configure(connection, self._patience, durable=self._durable))
        event.listen(engine, "begin", _begin)
        with engine.connect() as connection:
            _prepare(connection)
        self._path, self._file = path, _identity(path)
        return engine


def _understood(text: str) -> URL:
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except ArgumentError:
        backend = ""
    if backend == "postgresql":
        raise StoreUnavailable(
            "PostgreSQL is not supported yet.", hint="Leave SESSIONLS_DATABASE_URL unset to use the embedded database."
        )
    if backend != "sqlite" or not url.database or url.database == ":memory:":
        raise StoreUnavailable(
            "The database URL is not supported.",
            hint="Set SESSIONLS_DATABASE_URL to sqlite:///path/of/the/file, or leave it unset.",
        )
    return url


def _create_private(path: Path) -> None:
    """Make the file, and its folder, for their owner alone; SQLite gives its other files the same mode.

    A file that exists is not opened here: to close it would drop the locks that this process has on it (POSIX).
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
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver thinks
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = FAST")  # what is deleted is erased where that costs no more writing
    deadline = time.monotonic() + patience
    # SQLite does not wait for another process that changes the mode at this very moment.
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
            if mode != "wal":  # the file system lacks what that takes
                raise StoreUnavailable(NO_LOCKS[0], hint=NO_LOCKS[1])
            break
        except sqlite3.OperationalError as error:
            if error_name(error) not in ("SQLITE_BUSY", "SQLITE_LOCKED") or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    # In WAL mode a killed process loses nothing with either; after a power cut NORMAL may lack the last changes.
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))


# -- versions --------------------------------------------------------------------------------------------------------


def _prepare(connection: Connection) -> None:
    """Make the tables of a new database, or bring an older one up to date."""
    with connection.begin():
        if _revision(connection) == migrations.HEAD:
            return
    connection.info["begin"] = "BEGIN IMMEDIATE"  # of several processes one does it, the others wait
    with connection.begin():
        revision = _revision(connection)
        if revision is None:
            _create(connection)
        elif revision in migrations.REVISIONS[:-1]:
            migrations.upgrade(connection)
        elif revision != migrations.HEAD:
            raise StoreUnavailable(
                "The database was made by a newer version of sessionls.",
                hint=f"Update sessionls, or point {DATA_DIR} elsewhere.",
            )


def _revision(connection: Connection) -> str | None:
    """The revision of the database; None for an empty one."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StoreUnavailable(
            "The database belongs to another program.", hint=f"Point {DATA_DIR} to a database of sessionls, or to a new one."
        )
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if revision is None else str(revision)


def _create(connection: Connection) -> None:
    # By the schema and not by the migrations, which give the same (a test holds the two together): alembic would add
    # a fifth of a second to the first start.
    metadata.create_all(connection, checkfirst=False)
    for statement in FULL_TEXT:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version "
        "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (migrations.HEAD,))
