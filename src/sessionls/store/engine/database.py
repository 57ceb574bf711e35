"""One database, with one connection for each thread that uses it: opening, transactions, and noticing changes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Literal

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

__all__ = ["Database", "Seen"]

Seen = Literal["nothing", "own", "others", "followed"]
"""What a poll saw: no change, only this process's own, one of a session that nobody follows here, or of one that is followed."""


class Database(ABC):
    """Opened by the first thread that uses it. A transaction waits `patience` seconds for another process's to end.

    What is committed outlives a killed process; where it is `durable`, a power cut as well.

    Not for the event loop (but for `watch`): everything here waits for the database.
    """

    def __init__(self, url: str, patience: float, *, durable: bool = False) -> None:
        self._url = url
        self._patience = patience
        self._durable = durable
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._local = threading.local()
        self._renews = True

    @property
    def opened(self) -> bool:
        return self._engine is not None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is now, and nothing that others write meanwhile."""
        with self._transaction("read") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that changes sessions: committed at the end, undone where an error leaves it.

        No other process changes a session that this one has read `FOR UPDATE`, or whose parent, until the end of it.
        """
        with self._transaction("write") as connection:
            yield connection

    @abstractmethod
    def version(self) -> int | None:
        """A number that changes when a connection other than this thread's has committed; None where there is no such."""

    @abstractmethod
    def newest(self, drafted: Mapping[str, int]) -> tuple[int, int, bool]:
        """The number of the last change of a session, that of the last draft, and whether there are drafts of these sessions
        with higher numbers than these.
        """

    @abstractmethod
    async def watch(self, poll: Callable[[], Awaitable[Seen]], stop: asyncio.Event) -> None:
        """Call `poll` soon after each commit of another process, until `stop` is set."""

    @abstractmethod
    def facts(self) -> list[str]:
        """What there is to say of the database to a person who looks for faults."""

    @abstractmethod
    def vacuum(self) -> None:
        """Give back the room of what was deleted. Others may have to wait meanwhile."""

    def keep_version(self) -> None:
        """Open the database as it is: make no tables, and leave those of other versions as they are."""
        self._renews = False

    def close(self) -> None:
        """Close this thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    # -- connections -------------------------------------------------------------------------------------------------

    @abstractmethod
    def _open(self) -> Engine:
        """The engine of a database whose tables are there and up to date, unless it is to keep its version."""

    @abstractmethod
    def _is_broken(self, error: DBAPIError) -> bool:
        """Whether the connection is of no use any more after this error."""

    @contextlib.contextmanager
    def _transaction(self, kind: Literal["read", "write"]) -> Iterator[Connection]:
        try:
            connection, transaction = self._begun(kind)
            with transaction:
                yield connection
        except DBAPIError as error:
            if error.connection_invalidated or self._is_broken(error):
                with contextlib.suppress(DBAPIError):
                    self.close()
            raise

    def _begun(self, kind: Literal["read", "write"]) -> tuple[Connection, RootTransaction]:
        connection = self._connection()
        connection.info["transaction"] = kind
        return connection, connection.begin()

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
