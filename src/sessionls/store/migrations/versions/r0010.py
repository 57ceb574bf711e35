"""Each text stands in the log once: messages refer to their events, and the index of words keeps no copy."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_EVENTS = sa.table("events", *(sa.column(name) for name in ("session_id", "seq", "kind", "data", "message")))
_MESSAGES = sa.table("messages", *(sa.column(name) for name in ("n", "session_id", "id", "data", "content_seq")))
_IN_COLUMNS = ("sessionId", "seq", "at", "kind")
_BRING = ("messageSent", "replyFinished")
_CHANGING = ("status", "delivery", "steered")
_AT_ONCE = 500
_INDEX = sa.text("INSERT INTO message_text (rowid, text) VALUES (:n, :text)")


def upgrade() -> None:
    op.add_column("events", sa.Column("message", sa.Text))
    op.add_column("messages", sa.Column("content_seq", sa.Integer))
    connection = op.get_bind()
    indexes = connection.dialect.name == "sqlite"
    if indexes:
        op.execute("DROP TABLE message_text")
        op.execute(
            "CREATE VIRTUAL TABLE message_text "
            "USING fts5(text, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
        )
    for session_id in connection.execute(sa.text("SELECT id FROM sessions ORDER BY id")).scalars().all():
        bringing = _split_events(connection, session_id)
        _refer(connection, session_id, bringing, index=indexes)


def _split_events(connection: sa.Connection, session_id: str) -> dict[str, int]:
    """Take from each event what its columns have. Gives for each message the last event that brought it."""
    bringing: dict[str, int] = {}
    update = (
        sa.update(_EVENTS)
        .where(_EVENTS.c.session_id == session_id, _EVENTS.c.seq == sa.bindparam("number"))
        .values(data=sa.bindparam("rest"), message=sa.bindparam("brought"))
    )
    after = -1
    while True:
        page = sa.select(_EVENTS.c.seq, _EVENTS.c.kind, _EVENTS.c.data).where(_EVENTS.c.session_id == session_id)
        rows = connection.execute(page.where(_EVENTS.c.seq > after).order_by(_EVENTS.c.seq).limit(_AT_ONCE)).all()
        if not rows:
            return bringing
        changed: list[dict[str, Any]] = []
        for row in rows:
            event = json.loads(row.data)
            brought = None
            if row.kind in _BRING and event["message"]["sessionId"] == session_id:
                brought = event.pop("message")
                del brought["sessionId"]
                bringing[brought["id"]] = row.seq
            rest = {name: value for name, value in event.items() if name not in _IN_COLUMNS}
            changed.append({"number": row.seq, "rest": _json(rest), "brought": None if brought is None else _json(brought)})
        connection.execute(update, changed)
        after = rows[-1].seq


def _refer(connection: sa.Connection, session_id: str, bringing: dict[str, int], *, index: bool) -> None:
    """Leave in each message what its event does not have."""
    content = sa.select(_EVENTS.c.message).where(_EVENTS.c.session_id == session_id, _EVENTS.c.seq == sa.bindparam("number"))
    after = -1
    while True:
        page = sa.select(_MESSAGES.c.n, _MESSAGES.c.data).where(_MESSAGES.c.session_id == session_id, _MESSAGES.c.n > after)
        rows = connection.execute(page.order_by(_MESSAGES.c.n).limit(_AT_ONCE)).all()
        if not rows:
            return
        for row in rows:
            message = json.loads(row.data)
            if message["role"] == "agent" and message["status"] == "replying":
                continue  # its parts stand elsewhere, and it is not found yet
            if index and (words := _words(message)):
                connection.execute(_INDEX, {"n": row.n, "text": words})
            seq = bringing.get(message["id"])
            if seq is None:
                continue
            brought = json.loads(connection.execute(content, {"number": seq}).scalar_one())
            message.pop("sessionId")
            if any(brought.get(name) != message.get(name) for name in {*brought, *message}.difference(_CHANGING)):
                continue
            rest = {name: message[name] for name in _CHANGING if name in message}
            data = "" if rest == {name: brought[name] for name in _CHANGING if name in brought} else _json(rest)
            connection.execute(sa.update(_MESSAGES).where(_MESSAGES.c.n == row.n).values(data=data, content_seq=seq))
        after = rows[-1].n


def _words(message: dict[str, Any]) -> str:
    return "\n\n".join(part["text"] for part in message.get("parts", ()) if part["kind"] == "text")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
