"""A database with one connection for each thread that uses it: opening, transactions, and watching for changes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from sessionls.domain.errors import StoreUnavailable
from sessionls.ports.store import Delta
from sessionls.store.options import StoreOptions

__all__ = ["CommitUnknown", "Database", "Kind", "Newest", "PollResult", "PublishDrafts"]

PollResult = Literal["nothing", "own", "others", "followed"]
"""What a poll found: no change, only this process's own, changes of sessions not followed here, or of followed ones."""

Kind = Literal["read", "write", "drafts"]
"""What a transaction is for."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The result of one statement: the numbers of the last change and the last draft, and the new drafts of followed sessions.

    `draft` is None if the drafts of different sessions become visible in any order. `drafts` are pairs of number and draft, in
    the order of the numbers.
    """

    rev: int
    draft: int | None
    drafts: Sequence[tuple[int, Delta]]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Newest:
        """From rows with both numbers, a draft's number, and the fields of `Delta`. Without a draft there is one row."""
        rev, draft = rows[0][:2]
        return cls(rev, draft, [(row[2], Delta(*row[3:])) for row in rows if row[2] is not None])


PublishDrafts = Callable[[Callable[[Mapping[str, int]], Newest]], PollResult | None]
"""Publishes new drafts, read by the given function, which works like `Database.newest`. Returns None if something else changed,
too. It may be called in any thread.
"""


class CommitUnknown(StoreUnavailable):
    """The connection broke during a commit, and the server cannot be asked now whether it took effect.

    `Database.committed` uses `commit` to find out later.
    """

    def __init__(self, commit: str) -> None:
        super().__init__(
            "The connection to the database broke while a change was being saved. It is not known whether it was saved.",
            hint="PublishDrafts at the session before you repeat it.",
        )
        self.commit = commit


class Database(ABC):
    """The first thread that uses it opens it. A transaction waits up to `patience` seconds for other processes.

    Commits survive a killed process and, with `durable`, a power failure.

    Except for `watch`, all methods block. Do not call them on the event loop.
    """

    pause_factor = 5.0
    """Saves of drafts are at least this many times as long apart as the last one took: the slower the disk, the fewer saves."""

    def __init__(
        self,
        url: str,
        patience: float,
        *,
        durable: bool = False,
        options: StoreOptions = StoreOptions(),  # noqa: B008 (frozen)
    ) -> None:
        self._url = url
        self._options = options
        self._patience = patience
        self._durable = durable
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._local = threading.local()
        self._may_migrate = True

    @property
    def opened(self) -> bool:
        return self._engine is not None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees a snapshot of the database."""
        with self._transaction("read") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, drafts: bool = False) -> Iterator[Connection]:
        """A transaction that changes sessions. It is rolled back if an exception leaves it.

        Until it ends, no other process can change the sessions that it has read `FOR UPDATE`. `drafts`: it is only for
        `Dialect.send_drafts`.
        """
        with self._transaction("drafts" if drafts else "write") as connection:
            yield connection

    @abstractmethod
    def version(self) -> int | None:
        """A number that changes with each commit on another connection than this thread's; None if there is no such number."""

    @abstractmethod
    def newest(self, drafted: Mapping[str, int]) -> Newest:
        """Read what is new, in one statement. `drafted`: the followed sessions, each with the number of its last known draft."""

    @abstractmethod
    async def watch(self, poll: Callable[[], Awaitable[PollResult]], publish_drafts: PublishDrafts, stop: asyncio.Event) -> None:
        """Call `poll` soon after each commit of another process, until `stop` is set.

        Call `publish_drafts` first if that is faster. If it returns None, `poll` is needed, too.
        """

    def signal(self, session_ids: Iterable[str], *, listed: bool) -> None:  # noqa: B027 (not every database needs it)
        """Called after the commit of a change of these sessions. `listed`: it concerns lists of sessions, too."""

    def follow(self, session_id: str) -> None:  # noqa: B027
        """Called before a follower reads the session, so that no later change is missed."""

    def unfollow(self, session_id: str) -> None:  # noqa: B027
        """Called when this process no longer follows the session."""

    @abstractmethod
    def facts(self) -> list[str]:
        """Facts about the database for `sessionls doctor`."""

    @abstractmethod
    def vacuum(self) -> None:
        """Free the disk space of deleted content. Other processes may have to wait meanwhile."""

    def open_as_is(self) -> None:
        """Open the database as it is, without creating or migrating tables."""
        self._may_migrate = False

    def begin_job(self, requested_at: float, silence: float | None) -> None:
        """Start work in this thread that was requested at that time (`time.monotonic`).

        The work fails if an attempt to connect has failed since then. `silence`: seconds to wait for a server that sends nothing;
        None for no limit.
        """
        self._local.requested_at, self._local.silence = requested_at, silence

    def allow(self, seconds: float) -> None:  # noqa: B027
        """Let the next statements of this thread's transaction take that long."""

    def may_repeat(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """Whether a transaction that failed with this error was undone, and would probably succeed now."""
        return False

    def committed(self, commit: str) -> bool:  # (a database without a network always knows)
        """Whether the commit of a `CommitUnknown` took effect. Raises `CommitUnknown` if that is still unknown."""
        raise CommitUnknown(commit)

    def hurry(self) -> None:  # noqa: B027
        """From now on wait only briefly for a server that does not answer, because the process is ending."""

    def close(self) -> None:
        """Close this thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    # -- connections -------------------------------------------------------------------------------------------------

    @abstractmethod
    def _open(self) -> Engine:
        """The engine. Creates or migrates the tables first, unless `open_as_is` was called."""

    @abstractmethod
    def _is_broken(self, error: DBAPIError) -> bool:
        """Whether the connection is unusable after this error."""

    @contextlib.contextmanager
    def _transaction(self, kind: Kind) -> Iterator[Connection]:
        try:
            connection, transaction = self._begin_transaction(kind)
            with transaction:
                yield connection
        except DBAPIError as error:
            if error.connection_invalidated or self._is_broken(error):
                with contextlib.suppress(DBAPIError):
                    self.close()
            raise

    def _begin_transaction(self, kind: Kind) -> tuple[Connection, RootTransaction]:
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

    def _reset(self) -> None:
        """Open the database again at the next use."""
        self.close()
        with self._lock:
            self._engine = None
