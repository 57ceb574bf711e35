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
    update = (
        sa.update(_MESSAGES)
        .where(_MESSAGES.c.n == sa.bindparam("number"))
        .values(data=sa.bindparam("rest"), content_seq=sa.bindparam("event"))
    )
    after = -1
    while True:
        page = sa.select(_MESSAGES.c.n, _MESSAGES.c.data).where(_MESSAGES.c.session_id == session_id, _MESSAGES.c.n > after)
        rows = connection.execute(page.order_by(_MESSAGES.c.n).limit(_AT_ONCE)).all()
        if not rows:
            return
        messages = {row.n: json.loads(row.data) for row in rows}
        # A reply that is being written has its parts elsewhere, and is not found yet.
        ended = {n: one for n, one in messages.items() if one["role"] != "agent" or one["status"] != "replying"}
        if index and (indexed := [{"n": n, "text": words} for n, one in ended.items() if (words := _words(one))]):
            connection.execute(_INDEX, indexed)
        events = {n: bringing[one["id"]] for n, one in ended.items() if one["id"] in bringing}
        brought = _brought(connection, session_id, sorted(set(events.values())))
        changed = [
            {"number": n, "rest": rest, "event": seq}
            for n, seq in events.items()
            if (rest := _rest(ended[n], brought[seq])) is not None
        ]
        if changed:
            connection.execute(update, changed)
        after = rows[-1].n


def _brought(connection: sa.Connection, session_id: str, numbers: list[int]) -> dict[int, dict[str, Any]]:
    wanted = sa.select(_EVENTS.c.seq, _EVENTS.c.message).where(_EVENTS.c.session_id == session_id, _EVENTS.c.seq.in_(numbers))
    return {row.seq: json.loads(row.message) for row in connection.execute(wanted)}


def _rest(message: dict[str, Any], brought: dict[str, Any]) -> str | None:
    """What the message has that its event does not say; None where it is another message than the event brought."""
    names = {*brought, *message}.difference(_CHANGING, ("sessionId",))
    if any(brought.get(name) != message.get(name) for name in names):
        return None
    rest = {name: message[name] for name in _CHANGING if name in message}
    return "" if rest == {name: brought[name] for name in _CHANGING if name in brought} else _json(rest)


def _words(message: dict[str, Any]) -> str:
    return "\n\n".join(part["text"] for part in message.get("parts", ()) if part["kind"] == "text")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
