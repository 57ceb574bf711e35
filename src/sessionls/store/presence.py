"""Records who has a session open, and in which process (`liveness.py` knows which processes are alive)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from sessionls.domain.change import Presence
from sessionls.store.engine import dialect_of
from sessionls.store.liveness import clock_ms, is_alive, is_gone
from sessionls.store.schema import presence, processes

__all__ = ["find_presence", "lapsed_presence", "write_presence"]

_FIND = (
    select(presence.c.process, presence.c.participant_id, processes.c.alive_until, processes.c.lease)
    .select_from(presence)
    .outerjoin(processes, processes.c.id == presence.c.process)
    .where(presence.c.session_id == bindparam("id"))
)
_LAPSED = (
    select(presence.c.session_id)
    .distinct()
    .select_from(presence)
    .outerjoin(processes, processes.c.id == presence.c.process)
    .where(and_(presence.c.process != bindparam("process"), is_gone(bindparam("now"))))
)
_DELETE = delete(presence).where(
    presence.c.session_id == bindparam("key"),
    presence.c.process == bindparam("of_process"),
    presence.c.participant_id == bindparam("of_participant"),
)


def find_presence(connection: Connection, session_id: str, process: str) -> list[Presence]:
    """`process`: this process, which is alive."""
    now = clock_ms(connection)
    return [
        Presence(row.process, row.participant_id, alive=row.process == process or is_alive(row.alive_until, row.lease, now))
        for row in connection.execute(_FIND, {"id": session_id})
    ]


def write_presence(connection: Connection, session_id: str, before: Collection[Presence], after: Collection[Presence]) -> None:
    for row in before:
        if row not in after:
            key = {"key": session_id, "of_process": row.process, "of_participant": row.participant_id}
            connection.execute(_DELETE, key)
    for row in after:
        if row not in before:
            values = {"session_id": session_id, "process": row.process, "participant_id": row.participant_id}
            connection.execute(insert(presence), values)


def lapsed_presence(connection: Connection, process: str) -> list[str]:
    """The sessions that are recorded as open in a process that is no longer alive, of those whose participants this login may
    change.
    """
    mine = dialect_of(connection).covers(connection, presence.c.session_id, "commenter")
    return sorted(connection.execute(_LAPSED.where(mine), {"now": clock_ms(connection), "process": process}).scalars())
