"""Connections to a PostgreSQL server that do not wait forever for a server or a network that stops responding."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from sessionls.domain.errors import StoreUnavailable

__all__ = ["BoundedConnection", "open_connection"]

T = TypeVar("T")

# Notice a dead connection within about half a minute; the default is two hours.
_ALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
_CONNECT = 10.0  # seconds to connect to a host


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself when the server sends nothing for `silence()` seconds; None for no limit.

    The keepalives of TCP do not help if a proxy, a firewall or a suspended server accepts data and never answers.
    """

    silence: Callable[[], float | None] = staticmethod(lambda: None)

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **named: Any) -> T:
        return super().wait(self._bounded(gen), *arguments, **named)

    def _bounded(self, work: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run the work, resuming it whenever data arrives and several times a second."""
        last_data_at, ready = time.monotonic(), None
        while True:
            try:
                wait_for = work.send(ready)
            except StopIteration as done:
                result: T = done.value
                return result
            ready = yield wait_for
            if ready:
                last_data_at = time.monotonic()
            elif (limit := self.silence()) is not None and time.monotonic() - last_data_at > limit:
                self.pgconn.finish()
                raise psycopg.OperationalError("the server does not answer")


def open_connection(url: str, silence: Callable[[], float | None]) -> BoundedConnection:
    """A connection in autocommit mode. Raises `StoreUnavailable` for an invalid URL."""
    scheme, _, rest = url.partition("://")
    try:
        settings = conninfo_to_dict(f"{scheme.partition('+')[0]}://{rest}")
    except psycopg.Error:  # its message repeats the URL, which may contain a password
        raise StoreUnavailable(
            "The database URL is not valid.",
            hint="Use the form postgresql://user@host:5432/database?sslmode=verify-full, with special characters as %20.",
        ) from None
    seconds = min(silence() or _CONNECT, _CONNECT)
    parameters: dict[str, Any] = {
        "connect_timeout": max(round(seconds), 2),
        "application_name": "sessionls",
        **_ALIVE,
        **settings,
    }
    connection = BoundedConnection.connect("", autocommit=True, **parameters)
    connection.silence = silence
    return connection
