"""Which processes live: each that claims a reply says so again and again, for a while ahead each time."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from sessionls.store.reading import now_ms
from sessionls.store.schema import claims, processes

__all__ = ["beat", "beat_while_claiming", "leave"]

_FORGOTTEN = 86_400_000  # milliseconds after which a process that stopped saying so is not even remembered

_UPDATE = update(processes).where(processes.c.id == bindparam("process"))
_DELETE = delete(processes).where(processes.c.id == bindparam("process"))
_DELETE_OLD = delete(processes).where(processes.c.alive_until < bindparam("before"))
_CLAIMING = select(claims.c.message_id).where(claims.c.process == bindparam("process")).limit(1)


def beat(connection: Connection, process: str, lease: float) -> None:
    """The process lives for `lease` seconds from now at least."""
    time = now_ms()
    alive_until = time + round(lease * 1000)
    if connection.execute(_UPDATE, {"process": process, "alive_until": alive_until}).rowcount == 0:
        connection.execute(_DELETE_OLD, {"before": time - _FORGOTTEN})
        connection.execute(insert(processes), {"id": process, "alive_until": alive_until})


def beat_while_claiming(connection: Connection, process: str, lease: float) -> bool:
    """As `beat`, unless the process claims nothing any more; says which."""
    if connection.execute(_CLAIMING, {"process": process}).first() is None:
        leave(connection, process)
        return False
    beat(connection, process, lease)
    return True


def leave(connection: Connection, process: str) -> None:
    """The process is done: whatever it still claims may be taken over at once."""
    connection.execute(_DELETE, {"process": process})
