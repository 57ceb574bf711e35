"""The external agents' own sessions, by session and agent."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from sessionls.ports.store import ExternalSession
from sessionls.store.schema import external_sessions as table

__all__ = ["keep_external_session", "read_external_session"]

_KEY = (table.c.session_id == bindparam("session"), table.c.agent == bindparam("name"))
_READ = select(table.c.external_id, table.c.folder, table.c.seen).where(*_KEY)
_REMOVE = delete(table).where(*_KEY)


def read_external_session(connection: Connection, session_id: str, agent: str) -> ExternalSession | None:
    row = connection.execute(_READ, {"session": session_id, "name": agent}).one_or_none()
    return None if row is None else ExternalSession(row.external_id, row.folder, row.seen)


def keep_external_session(connection: Connection, session_id: str, agent: str, known: ExternalSession) -> None:
    connection.execute(_REMOVE, {"session": session_id, "name": agent})
    values = {"external_id": known.external_id, "folder": known.folder, "seen": known.seen}
    connection.execute(insert(table), {"session_id": session_id, "agent": agent, **values})
