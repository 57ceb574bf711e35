"""A session is found by its folders also where it is found by its repository."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote_to_bytes, urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    sessions = sa.table("sessions", *(sa.column(name) for name in ("id", "state", "updated_at", "session")))
    places = sa.table("session_places", *(sa.column(name) for name in ("session_id", "kind", "value", "state", "updated_at")))
    connection = op.get_bind()
    connection.execute(sa.delete(places).where(places.c.kind == "folder"))
    rows = [
        {"session_id": row.id, "kind": "folder", "value": value, "state": row.state, "updated_at": row.updated_at}
        for row in connection.execute(sa.select(sessions).where(sessions.c.state.is_not(None))).all()
        for value in sorted({_comparable(uri) for uri in json.loads(row.session).get("workspaceFolders", [])})
    ]
    if rows:
        connection.execute(sa.insert(places), rows)


def _comparable(uri: str) -> str:
    """`uris.comparable` as it was."""
    try:
        split = urlsplit(uri)
        host = split.netloc.lower()
    except ValueError:
        return uri
    if split.scheme.lower() != "file":
        return uri
    path = unquote_to_bytes(split.path).decode("utf-8", "replace")
    path = re.sub(r"/([A-Za-z]):(?=/|$)", lambda drive: f"/{drive[1].lower()}:", path, count=1)
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "file:///" + "/".join((host, *parts) if host not in ("", "localhost") else parts)
