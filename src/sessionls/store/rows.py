"""Conversion between rows and objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, select

from sessionls.domain.errors import SessionNotFound
from sessionls.domain.events import Event
from sessionls.domain.model import KEEP_NATIVE, Message, Participant, Session, Wire
from sessionls.domain.state import Drafted, Entry, Grant, State
from sessionls.store.drafts import Saved
from sessionls.store.parts import is_growing, load_parts
from sessionls.store.schema import claims, drafts, messages, sessions

__all__ = [
    "MESSAGE_COLUMNS",
    "dump",
    "entry_of",
    "events_of",
    "load_saved",
    "load_state",
    "message_values",
    "require",
    "session_of",
    "session_values",
    "title_key_of",
    "waiting_rows",
]

_events: TypeAdapter[list[Event]] = TypeAdapter(list[Event])

MESSAGE_COLUMNS = (messages.c.place, messages.c.ended_seq, messages.c.sealed_seq, messages.c.data)

_SESSION = select(sessions).where(sessions.c.id == bindparam("id"))
_KEPT = _SESSION.with_for_update(read=True)
_OPEN = select(messages.c.id, *MESSAGE_COLUMNS).where(
    messages.c.session_id == bindparam("id"), messages.c.id.in_(bindparam("ids", expanding=True))
)
_DRAFTED = (
    select(drafts.c.part, drafts.c.kind, drafts.c.offset, drafts.c.text)
    .where(drafts.c.session_id == bindparam("id"), drafts.c.message_id == bindparam("message"))
    .order_by(drafts.c.n)
)
_WRITER = select(claims.c.process).where(claims.c.session_id == bindparam("id"), claims.c.message_id == bindparam("message"))


def dump(thing: Wire) -> str:
    """JSON as on the wire, plus the fields that are never sent to clients."""
    return thing.model_dump_json(by_alias=True, exclude_none=True, context=KEEP_NATIVE)


def require(connection: Connection, session_id: str, *, keep: bool = False) -> Row[*tuple[Any, ...]]:
    """The session's row. Raises `SessionNotFound`. `keep`: nobody can delete the session before this transaction ends."""
    row = connection.execute(_KEPT if keep else _SESSION, {"id": session_id}).one_or_none()
    if row is None or row.deleted:
        raise SessionNotFound(session_id)
    return row


def session_of(row: Row[*tuple[Any, ...]]) -> Session:
    return Session.model_validate_json(row.session)


def title_key_of(state: State) -> str:
    return state.session.title.casefold()


def session_values(state: State) -> dict[str, Any]:
    """The columns of a session's row that depend on its state."""
    rest = {
        "identities": state.identities,
        "resumable": state.resumable,
        "open": list(state.open),
        "present": [participant.wire() for participant in state.present],
        "granted": [[grant.participant_id, grant.scope] for grant in state.granted],
        "paused": state.paused,
    }
    session = state.session
    return {
        "state": session.state,
        "title_key": title_key_of(state),
        "updated_at": session.updated_at,
        "seq": session.seq,
        "placed": state.placed,
        "reply": state.reply,
        "session": dump(session),
        "rest": json.dumps(rest, ensure_ascii=False, separators=(",", ":")),
    }


def load_state(connection: Connection, row: Row[*tuple[Any, ...]]) -> State:
    """The State that `session_values` stored, its open entries in the same order."""
    rest = json.loads(row.rest)
    ids: list[str] = rest["open"]
    entries: dict[str, Entry] = {}
    if ids:
        found = connection.execute(_OPEN, {"id": row.id, "ids": ids})
        by_id = {one.id: entry_of(connection, one) for one in found.all()}
        entries = {message_id: by_id[message_id] for message_id in ids}
    session = session_of(row)
    return State(
        session=session,
        identities=tuple(rest["identities"]),
        placed=row.placed,
        reply=row.reply,
        resumable=rest["resumable"],
        open=entries,
        present=tuple(Participant.model_validate(participant) for participant in rest["present"]),
        granted=tuple(Grant(participant_id, scope) for participant_id, scope in rest["granted"]),
        paused=rest.get("paused", session.state == "paused"),  # (older versions did not store it)
    )


def waiting_rows(connection: Connection, session: Row[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
    """The rows of the queued messages, in the order of the queue."""
    ids: list[str] = json.loads(session.rest)["open"]
    found = {row.id: row for row in connection.execute(_OPEN, {"id": session.id, "ids": ids})} if ids else {}
    return [found[message_id] for message_id in ids if found[message_id].place is None]


def entry_of(connection: Connection, row: Row[*tuple[Any, ...]]) -> Entry:
    message = Message.model_validate_json(row.data)
    if is_growing(message):
        message = message.model_copy(update={"parts": load_parts(connection, message)})
    return Entry(message, row.place, row.ended_seq)


def message_values(entry: Entry) -> dict[str, Any]:
    message = entry.message
    if is_growing(message):
        message = message.model_copy(update={"parts": []})
    return {"seq": message.seq, "place": entry.place, "ended_seq": entry.ended_seq, "data": dump(message)}


def events_of(data: Sequence[str]) -> list[Event]:
    return _events.validate_json(f"[{','.join(data)}]")


def load_saved(connection: Connection, session_id: str, message_id: str) -> Saved:
    """The saved drafts of a reply, joined for each part."""
    key = {"id": session_id, "message": message_id}
    parts: dict[int, tuple[Row[*tuple[Any, ...]], list[str]]] = {}
    for row in connection.execute(_DRAFTED, key):
        parts.setdefault(row.part, (row, []))[1].append(row.text)
    drafted = [Drafted(part, first.kind, first.offset, "".join(pieces)) for part, (first, pieces) in sorted(parts.items())]
    return Saved(connection.execute(_WRITER, key).scalar(), drafted)
