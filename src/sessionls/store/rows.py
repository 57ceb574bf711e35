"""Conversion between rows and objects.

Each text is stored once, in the event that added it. The row of a `messageSent` or `replyFinished` event has its message in a
separate column. A message's row refers to that event (`content_seq`) and stores only the fields that may change later. Events
never change, so the reference stays valid.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json
from sqlalchemy import Connection, FromClause, Row, bindparam, select

from sessionls.domain.errors import SessionNotFound, SessionUnreadable
from sessionls.domain.events import Event, MessageSent, ReplyFinished
from sessionls.domain.model import KEEP_NATIVE, Message, Participant, Session, Wire
from sessionls.domain.state import Drafted, Entry, Grant, State
from sessionls.store.drafts import Saved
from sessionls.store.engine import dialect_of
from sessionls.store.parts import is_growing, load_parts
from sessionls.store.schema import claims, drafts, events, messages, sessions

__all__ = [
    "EVENT_COLUMNS",
    "MESSAGE_COLUMNS",
    "attention_rank",
    "changed_values",
    "dump",
    "entry_of",
    "event_json",
    "event_values",
    "events_of",
    "load_saved",
    "load_state",
    "message_of",
    "message_values",
    "readable_sessions",
    "reading",
    "require",
    "session_of",
    "session_values",
    "title_key_of",
    "waiting_rows",
    "with_content",
]

log = logging.getLogger(__name__)

_events: TypeAdapter[list[Event]] = TypeAdapter(list[Event])

EVENT_COLUMNS = (events.c.session_id, events.c.seq, events.c.at, events.c.kind, events.c.data, events.c.message)
MESSAGE_COLUMNS = (
    messages.c.session_id,
    messages.c.place,
    messages.c.ended_seq,
    messages.c.sealed_seq,
    messages.c.data,
    events.c.message.label("content"),
)
"""Columns of the tables that `with_content` joins."""
_COLUMN_FIELDS = {"session_id", "seq", "at", "kind"}
_CHANGING_FIELDS = {"status", "delivery", "steered"}
"""Fields that may change after the event that added the message."""
_FIXED_FIELDS = tuple(name for name in Message.model_fields if name not in _CHANGING_FIELDS)

_SESSION = select(sessions).where(sessions.c.id == bindparam("id"))


def with_content(source: FromClause) -> FromClause:
    """Join the events that have the content of these messages."""
    of_message = (events.c.session_id == messages.c.session_id) & (events.c.seq == messages.c.content_seq)
    return source.outerjoin(events, of_message)


_OPEN = (
    select(messages.c.id, *MESSAGE_COLUMNS)
    .select_from(with_content(messages))
    .where(messages.c.session_id == bindparam("id"), messages.c.id.in_(bindparam("ids", expanding=True)))
)
_DRAFTED = (
    select(drafts.c.part, drafts.c.kind, drafts.c.offset, drafts.c.text)
    .where(drafts.c.session_id == bindparam("id"), drafts.c.message_id == bindparam("message"))
    .order_by(drafts.c.n)
)
_WRITER = select(claims.c.process).where(claims.c.session_id == bindparam("id"), claims.c.message_id == bindparam("message"))


def dump(model: Wire, *, without: Collection[str] = (), only: Collection[str] | None = None) -> str:
    """JSON as on the wire, plus the fields that are never sent to clients."""
    fields: dict[str, Any] = {"include": None if only is None else set(only), "exclude": set(without)}
    return model.model_dump_json(by_alias=True, exclude_none=True, context=KEEP_NATIVE, **fields)


def require(connection: Connection, session_id: str, *, keep: bool = False) -> Row[*tuple[Any, ...]]:
    """The session's row. Raises `SessionNotFound`. `keep`: nobody can delete the session before this transaction ends."""
    if keep:
        dialect_of(connection).keep_session(connection)
    row = connection.execute(_SESSION, {"id": session_id}).one_or_none()
    if row is None or row.deleted:
        raise SessionNotFound(session_id)
    return row


@contextmanager
def reading(session_id: str) -> Iterator[None]:
    """Raise `SessionUnreadable` if the session's data does not have the format that this version writes.

    Several logins write to a team's database, with any program and any version. Invalid data in one session must not prevent
    access to the others.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        # (Not the error's text: it may quote what the session contains.)
        log.warning("session %s cannot be read (%s)", session_id, type(error).__name__)
        raise SessionUnreadable(session_id) from None


def session_of(row: Row[*tuple[Any, ...]]) -> Session:
    """Needs the columns `id` and `session`. Raises `SessionUnreadable`."""
    with reading(row.id):
        return Session.model_validate_json(row.session)


def readable_sessions(rows: Iterable[Row[*tuple[Any, ...]]]) -> Iterator[Session]:
    """The sessions of these rows, without those that cannot be read."""
    for row in rows:
        with suppress(SessionUnreadable):
            yield session_of(row)


def title_key_of(state: State) -> str:
    return state.session.title.casefold()


def session_values(state: State) -> dict[str, Any]:
    """The columns of a session's row that depend on its state."""
    rest = {
        "identities": state.identities,
        "resumable": state.resumable,
        "open": list(state.open),
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
        "attention": _attention_of(session),
        "session": dump(session),
        "rest": json.dumps(rest, ensure_ascii=False, separators=(",", ":")),
    }


def _attention_of(session: Session) -> int | None:
    """The highest rank that `attention_rank` gives the session, whoever asks; None for 0."""
    return 2 if session.asking or session.needs else attention_rank(session, None) or None


def attention_rank(session: Session, participant_id: str | None) -> int:
    """How much the session needs the participant: 2 if it waits for an answer or for them, 1 if its reply was interrupted or
    failed.
    """
    if session.asking:
        return 2
    if session.state != "archived" and any(need.participant.id == participant_id for need in session.needs or ()):
        return 2
    return 1 if session.state == "active" and session.stopped in ("interrupted", "failed") else 0


def load_state(connection: Connection, row: Row[*tuple[Any, ...]]) -> State:
    """The State that `session_values` stored, its open entries in the same order. Raises `SessionUnreadable`."""
    with reading(row.id):
        return _load_state(connection, row)


def _load_state(connection: Connection, row: Row[*tuple[Any, ...]]) -> State:
    rest = json.loads(row.rest)
    ids: list[str] = rest["open"]
    entries: dict[str, Entry] = {}
    if ids:
        rows = connection.execute(_OPEN, {"id": row.id, "ids": ids})
        by_id = {message_row.id: entry_of(connection, message_row) for message_row in rows.all()}
        entries = {message_id: by_id[message_id] for message_id in ids}
    session = session_of(row)
    if present := rest.get("present"):  # (older versions kept it there)
        session = session.model_copy(update={"present": [Participant.model_validate(person) for person in present]})
    return State(
        session=session,
        identities=tuple(rest["identities"]),
        placed=row.placed,
        reply=row.reply,
        resumable=rest["resumable"],
        open=entries,
        granted=tuple(Grant(participant_id, scope) for participant_id, scope in rest["granted"]),
        paused=rest.get("paused", session.state == "paused"),  # (older versions did not store it)
    )


def waiting_rows(connection: Connection, session: Row[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
    """The rows of the queued messages, in the order of the queue."""
    with reading(session.id):
        ids: list[str] = json.loads(session.rest)["open"]
        by_id = {row.id: row for row in connection.execute(_OPEN, {"id": session.id, "ids": ids})} if ids else {}
        return [by_id[message_id] for message_id in ids if by_id[message_id].place is None]


def entry_of(connection: Connection, row: Row[*tuple[Any, ...]]) -> Entry:
    message = message_of(row)
    if is_growing(message):
        with reading(row.session_id):
            message = message.model_copy(update={"parts": load_parts(connection, message)})
    return Entry(message, row.place, row.ended_seq)


def message_of(row: Row[*tuple[Any, ...]]) -> Message:
    """The message, except for the parts of a reply that is being written (see `is_growing`). Raises `SessionUnreadable`."""
    with reading(row.session_id):
        return _message_of(row)


def _message_of(row: Row[*tuple[Any, ...]]) -> Message:
    if row.content is None:
        return Message.model_validate_json(row.data)
    content = _add_fields(row.content, sessionId=row.session_id)
    if not row.data:
        return Message.model_validate_json(content)
    whole: dict[str, Any] = from_json(content)
    return Message.model_validate(
        {name: value for name, value in whole.items() if name not in _CHANGING_FIELDS} | from_json(row.data)
    )


def message_values(entry: Entry, source: MessageSent | ReplyFinished | None) -> dict[str, Any]:
    """The columns of a message. `source` is the event of this change that has the message, if any."""
    message = entry.message
    values = _places(entry)
    if is_growing(message):
        message = message.model_copy(update={"parts": []})
    elif source is not None and _has_message_column(source) and _same_content(source.message, message):
        same = all(getattr(source.message, name) == getattr(message, name) for name in _CHANGING_FIELDS)
        return {**values, "content_seq": source.seq, "data": "" if same else dump(message, only=_CHANGING_FIELDS)}
    return {**values, "content_seq": None, "data": dump(message)}


def changed_values(before: Message, entry: Entry) -> dict[str, Any] | None:
    """The columns of a message whose content is the same as before: `data` if its row refers to an event, else `whole`.

    None if the content changed.
    """
    message = entry.message
    if is_growing(before) or is_growing(message) or not _same_content(before, message):
        return None
    return {**_places(entry), "data": dump(message, only=_CHANGING_FIELDS), "whole": dump(message)}


def _places(entry: Entry) -> dict[str, Any]:
    return {"seq": entry.message.seq, "place": entry.place, "ended_seq": entry.ended_seq}


def _same_content(one: Message, other: Message) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _FIXED_FIELDS)


def _has_message_column(event: MessageSent | ReplyFinished) -> bool:
    """Whether the event's message is in a separate column."""
    return event.message.session_id == event.session_id


def event_values(event: Event) -> dict[str, Any]:
    """The columns of an event."""
    values = {"session_id": event.session_id, "seq": event.seq, "at": event.at, "kind": event.kind}
    if isinstance(event, MessageSent | ReplyFinished) and _has_message_column(event):
        message = dump(event.message, without={"session_id"})
        return {**values, "data": dump(event, without={*_COLUMN_FIELDS, "message"}), "message": message}
    return {**values, "data": dump(event, without=_COLUMN_FIELDS), "message": None}


def event_json(row: Row[*tuple[Any, ...]]) -> str:
    """The event as JSON, from its columns."""
    whole = _add_fields(row.data, sessionId=row.session_id, seq=row.seq, at=row.at, kind=row.kind)
    if row.message is None:
        return whole
    return f'{whole[:-1]},"message":{_add_fields(row.message, sessionId=row.session_id)}}}'


def _add_fields(data: str, **fields: str | int) -> str:
    """Add fields to an object in JSON that does not have them."""
    head = ",".join(f'"{name}":{json.dumps(value)}' for name, value in fields.items())
    return f"{{{head}{data[1:]}" if data == "{}" else f"{{{head},{data[1:]}"


def events_of(session_id: str, rows: Sequence[str]) -> list[Event]:
    """Events from their JSON. Raises `SessionUnreadable`."""
    with reading(session_id):
        return _events.validate_json(f"[{','.join(rows)}]")


def load_saved(connection: Connection, session_id: str, message_id: str) -> Saved:
    """The saved drafts of a reply, joined for each part."""
    key = {"id": session_id, "message": message_id}
    parts: dict[int, list[Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(_DRAFTED, key):
        parts.setdefault(row.part, []).append(row)
    drafted = [_join_pieces(rows) for _, rows in sorted(parts.items())]
    return Saved(connection.execute(_WRITER, key).scalar(), drafted)


def _join_pieces(rows: list[Row[*tuple[Any, ...]]]) -> Drafted:
    """The draft of one part. A server that crashed may have lost a piece, and after that a piece may have been saved twice."""
    rows.sort(key=lambda row: row.offset)
    first, pieces, end = rows[0], [], rows[0].offset
    for row in rows:
        if row.offset > end:
            break  # the piece in between will be saved again
        new = row.text[end - row.offset :]
        pieces.append(new)
        end += len(new)
    return Drafted(first.part, first.kind, first.offset, "".join(pieces))
