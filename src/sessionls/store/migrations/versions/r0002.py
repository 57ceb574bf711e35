"""The parts of a reply that is being written stand in rows of their own."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "parts",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
    )
    messages = sa.table("messages", *(sa.column(name) for name in ("session_id", "id", "data")))
    sessions = sa.table("sessions", *(sa.column(name) for name in ("id", "reply")))
    parts = sa.table("parts", *(sa.column(name) for name in ("session_id", "message_id", "path", "data")))
    connection = op.get_bind()
    written = sa.select(messages).join(sessions, (sessions.c.id == messages.c.session_id) & (sessions.c.reply == messages.c.id))
    for row in connection.execute(written).all():
        message = json.loads(row.data)
        key = {"session_id": row.session_id, "message_id": row.id}
        rows = [{**key, "path": path, "data": data} for path, data in _flat(message.pop("parts", []), "")]
        if rows:
            connection.execute(sa.insert(parts), rows)
        own = (messages.c.session_id == row.session_id) & (messages.c.id == row.id)
        connection.execute(sa.update(messages).where(own).values(data=_json(message)))


def _flat(parts: list[dict[str, object]], around: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for index, part in enumerate(parts):
        path = f"{around}{index:06}"
        work = part.pop("parts", None)
        rows.append((path, _json(part)))
        if isinstance(work, list):
            rows += _flat(work, f"{path}/")
    return rows


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
