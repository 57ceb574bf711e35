"""Open questions for permission stand in the session, and a grant says whose it is."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NOTHING = '%"asked":{},"granted":[]%'  # most sessions: nothing to change


def upgrade() -> None:
    sessions = sa.table("sessions", *(sa.column(name) for name in ("id", "session", "rest")))
    connection = op.get_bind()
    concerned = sa.select(sessions).where(sessions.c.rest.is_not(None), sessions.c.rest.not_like(_NOTHING))
    for row in connection.execute(concerned).all():
        if not row.rest:  # a deleted session
            continue
        rest = json.loads(row.rest)
        open_ids = rest.pop("asked", {})
        questions, rest["granted"] = _from_log(connection, row.id)
        asking = [question for question in questions if question["requestId"] in open_ids]
        session = json.loads(row.session) | ({"asking": asking} if asking else {})
        connection.execute(sa.update(sessions).where(sessions.c.id == row.id).values(session=_json(session), rest=_json(rest)))


def _from_log(connection: sa.Connection, session_id: str) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Every question that was asked, and the grants of the answers: participant and scope."""
    events = sa.table("events", *(sa.column(name) for name in ("session_id", "seq", "kind", "data")))
    kinds = ("permissionAsked", "permissionAnswered")
    found = sa.select(events.c.data).where(events.c.session_id == session_id, events.c.kind.in_(kinds)).order_by(events.c.seq)
    asked: dict[str, dict[str, Any]] = {}
    grants: list[list[str]] = []
    for row in connection.execute(found).all():
        event = json.loads(row.data)
        if event["kind"] == "permissionAsked":
            asked[event["requestId"]] = _question(event)
            continue
        scope = asked.get(event["requestId"], {}).get("scope")
        participant = (event.get("by") or {}).get("id")
        if event["decision"] == "session" and scope and participant and [participant, scope] not in grants:
            grants.append([participant, scope])
    return list(asked.values()), grants


def _question(event: dict[str, Any]) -> dict[str, Any]:
    question = {name: event[name] for name in ("requestId", "messageId", "tool", "summary", "risk", "at")}
    question |= {name: event[name] for name in ("detail", "scope") if event.get(name)}
    return question | {"agent": (event.get("by") or {}).get("agent", "")}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
