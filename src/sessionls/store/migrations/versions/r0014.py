"""Sessions that need somebody are found without reading all sessions."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_PAGE = 500


def upgrade() -> None:
    op.add_column("sessions", sa.Column("attention", sa.SmallInteger))
    op.create_index("sessions_by_attention", "sessions", ["attention", "updated_at", "id"])
    sessions = sa.table("sessions", *(sa.column(name) for name in ("id", "session", "attention")))
    texts = ('"asking":[', '"needs":[', '"stopped":"')
    likely = sa.or_(*(sessions.c.session.contains(text, autoescape=True) for text in texts))
    last = ""
    while True:
        found = (
            sa.select(sessions.c.id, sessions.c.session).where(sessions.c.id > last, likely).order_by(sessions.c.id).limit(_PAGE)
        )
        rows = op.get_bind().execute(found).all()
        for row in rows:
            if (attention := _attention(row.session)) is not None:
                op.execute(sa.update(sessions).where(sessions.c.id == row.id).values(attention=attention))
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


def _attention(text: str) -> int | None:
    try:
        session = json.loads(text)
    except ValueError:
        return None
    if not isinstance(session, dict):
        return None
    if session.get("asking") or session.get("needs"):
        return 2
    stopped = session.get("state", "active") == "active" and session.get("stopped") in ("interrupted", "failed")
    return 1 if stopped else None
