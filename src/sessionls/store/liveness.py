"""Which processes are alive. A process that claims a reply or has a session open holds a lease and renews it regularly.

Leases use one clock for all processes that share the database (see `Dialect.clock_ms`). SQLite uses a monotonic clock, which
starts again from zero when the machine restarts. So a lease that ends much later than a full lease from now was taken before a
restart, and its process is gone. (It may end a little later: another process may renew it after the clock was read.)
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, bindparam, delete, exists, insert, or_, select, update

from sessionls.store.engine import dialect_of
from sessionls.store.schema import claims, presence, processes

__all__ = ["beat", "beat_while_needed", "clock_ms", "is_alive", "is_gone", "leave"]

_RENEWED_SINCE = 10_000  # milliseconds between reading the clock and reading leases, at most
_REMOVE_AFTER = 86_400_000  # milliseconds after the end of its lease, when a process is removed from the table

_UPDATE = update(processes).where(processes.c.id == bindparam("process"))
_DELETE = delete(processes).where(processes.c.id == bindparam("process"))
_OLD = select(processes.c.id).where(
    or_(
        processes.c.alive_until < bindparam("before", type_=BigInteger),
        processes.c.alive_until > bindparam("now", type_=BigInteger) + processes.c.lease + _RENEWED_SINCE,
    )
)
# Rows that another process is removing at the same moment are skipped.
_DELETE_OLD = delete(processes).where(processes.c.id.in_(_OLD.with_for_update(skip_locked=True)))
_NEEDED = select(
    or_(
        exists().where(claims.c.process == bindparam("process")),
        exists().where(presence.c.process == bindparam("process")),
    )
)


def clock_ms(connection: Connection) -> int:
    """Milliseconds on the clock that leases use."""
    return dialect_of(connection).clock_ms(connection)


def is_alive(alive_until: int | None, lease: int | None, now: int) -> bool:
    """Whether a process with this lease is alive. Both are None for a process without a lease."""
    return alive_until is not None and lease is not None and now < alive_until <= now + lease + _RENEWED_SINCE


def is_gone(now: Any) -> ColumnElement[bool]:
    """The opposite of `is_alive`, for rows of `processes`."""
    alive = and_(processes.c.alive_until > now, processes.c.alive_until <= now + processes.c.lease + _RENEWED_SINCE)
    return or_(processes.c.id.is_(None), ~alive)


def beat(connection: Connection, process: str, lease: float) -> None:
    """Renew the lease of the process, for `lease` seconds from now."""
    now, length = clock_ms(connection), round(lease * 1000)
    values = {"alive_until": now + length, "lease": length}
    if connection.execute(_UPDATE, {"process": process, **values}).rowcount == 0:
        connection.execute(_DELETE_OLD, {"before": now - _REMOVE_AFTER, "now": now})
        connection.execute(insert(processes), {"id": process, **values})


def beat_while_needed(connection: Connection, process: str, lease: float) -> bool:
    """Renew the lease if the process still claims a reply or has a session open, else give it up. Returns whether it does."""
    if not connection.execute(_NEEDED, {"process": process}).scalar_one():
        leave(connection, process)
        return False
    beat(connection, process, lease)
    return True


def leave(connection: Connection, process: str) -> None:
    """Give up the lease: other processes may take over the claims of this process at once."""
    connection.execute(_DELETE, {"process": process})
