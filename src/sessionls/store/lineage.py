"""The events and messages that a fork shares with its ancestors.

A session's lineage is the session and its ancestors, each with a cut: the place and the event number up to which the session
shares it. Places and event numbers continue from parent to child, so the ranges (fork point, cut] of a lineage never overlap.
To read a range of places, it is enough to walk up to the ancestor in which the range begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Connection, Row, Select, bindparam, case, func, literal, select, text

from sessionls.store.access import access
from sessionls.store.engine import dialect_of
from sessionls.store.rows import EVENT_COLUMNS, MESSAGE_COLUMNS, event_json, with_content
from sessionls.store.schema import CHANGES_FILES, events, images, messages, sessions

__all__ = [
    "ENDLESS",
    "all_event_data",
    "change_data",
    "descendants",
    "event_data",
    "find_image",
    "find_message",
    "messages_between",
]

ENDLESS = 2**53  # greater than every place and event number


def _least(a: ColumnElement[int], b: ColumnElement[int]) -> ColumnElement[int]:
    return case((a < b, a), else_=b)


def _greatest(a: ColumnElement[int], b: ColumnElement[int]) -> ColumnElement[int]:
    return case((a > b, a), else_=b)


def _lineage(stop: str) -> CTE:
    """The session `:id` and its ancestors, up to the first whose own part begins at or below `:low`."""
    own = (
        select(
            sessions.c.id,
            sessions.c.parent_id,
            sessions.c.fork_place,
            sessions.c.fork_seq,
            literal(ENDLESS, BigInteger).label("cut_place"),
            literal(ENDLESS, BigInteger).label("cut_seq"),
        )
        .where(sessions.c.id == bindparam("id"))
        .cte("lineage", recursive=True)
    )
    parent = sessions.alias("parent")
    return own.union_all(
        select(
            parent.c.id,
            parent.c.parent_id,
            parent.c.fork_place,
            parent.c.fork_seq,
            _least(own.c.cut_place, own.c.fork_place),
            _least(own.c.cut_seq, own.c.fork_seq),
        ).where(parent.c.id == own.c.parent_id, own.c[stop] > bindparam("low", type_=BigInteger))
    )


def _shared_lineage() -> CTE:
    """The same for a login that does not see all sessions: with the parts of ancestors that it may read."""
    return (
        select(
            access.c.session_id.label("id"),
            literal(0, BigInteger).label("fork_place"),  # (an ancestor's own rows come after the point where it forked)
            literal(0, BigInteger).label("fork_seq"),
            func.max(access.c.place).label("cut_place"),
            func.max(access.c.seq).label("cut_seq"),
        )
        .where(access.c.heir == bindparam("id"), access.c.role > 0)
        .group_by(access.c.session_id)
        .cte("lineage")
    )


def _between(lineage: CTE) -> Select[Any]:
    low, top = bindparam("low", type_=BigInteger), bindparam("top", type_=BigInteger)
    return (
        select(*MESSAGE_COLUMNS)
        .select_from(
            with_content(
                lineage.join(
                    messages,
                    (messages.c.session_id == lineage.c.id)
                    & (messages.c.place > _greatest(lineage.c.fork_place, low))
                    & (messages.c.place <= _least(lineage.c.cut_place, top)),
                )
            )
        )
        .order_by(messages.c.place)
    )


def _message(lineage: CTE) -> Select[Any]:
    return (
        select(*MESSAGE_COLUMNS)
        .select_from(
            with_content(
                lineage.join(messages, (messages.c.session_id == lineage.c.id) & (messages.c.id == bindparam("message")))
            )
        )
        # A message without a place is still queued. Forks do not share it.
        .where((messages.c.place <= lineage.c.cut_place) | (lineage.c.id == bindparam("id")))
    )


def _events(lineage: CTE) -> Select[Any]:
    low = bindparam("low", type_=BigInteger)
    return (
        select(*EVENT_COLUMNS)
        .select_from(lineage)
        .join(
            events,
            (events.c.session_id == lineage.c.id)
            & (events.c.seq > _greatest(lineage.c.fork_seq, low))
            & (events.c.seq <= lineage.c.cut_seq),
        )
        .order_by(events.c.seq)
        .limit(bindparam("limit", type_=BigInteger))
    )


def _images(lineage: CTE) -> Select[Any]:
    return (
        select(images.c.data)
        .select_from(lineage)
        .join(images, (images.c.session_id == lineage.c.id) & (images.c.sha256 == bindparam("hash")))
        .where(images.c.seq <= lineage.c.cut_seq)
        .limit(1)
    )


def _descendants() -> Select[Any]:
    child = (
        select(sessions.c.id, sessions.c.deleted, sessions.c.fork_place.label("cut_place"), sessions.c.fork_seq.label("cut_seq"))
        .where(sessions.c.parent_id == bindparam("id"))
        .cte("descendants", recursive=True)
    )
    further = sessions.alias("further")
    descendants = child.union_all(
        select(
            further.c.id,
            further.c.deleted,
            _least(child.c.cut_place, further.c.fork_place),
            _least(child.c.cut_seq, further.c.fork_seq),
        ).where(further.c.parent_id == child.c.id)
    )
    return (
        select(descendants.c.id, descendants.c.cut_place, descendants.c.cut_seq)
        .where(~descendants.c.deleted)
        .order_by(descendants.c.id)
    )


_SHARED_DESCENDANTS = (
    select(access.c.heir.label("id"), func.max(access.c.place).label("cut_place"), func.max(access.c.seq).label("cut_seq"))
    .where(access.c.session_id == bindparam("id"), access.c.heir != bindparam("id"), access.c.role > 0)
    .group_by(access.c.heir)
    .order_by(access.c.heir)
)


@dataclass(frozen=True, slots=True)
class _Statements:
    between: Select[Any]
    found: Select[Any]
    events: Select[Any]
    changes: Select[Any]
    image: Select[Any]
    descendants: Select[Any]


def _statements(by_place: CTE, by_seq: CTE, descendants: Select[Any]) -> _Statements:
    events_ = _events(by_seq)
    changes = events_.where(text(CHANGES_FILES))
    return _Statements(_between(by_place), _message(by_place), events_, changes, _images(by_seq), descendants)


_ALL = _statements(_lineage("fork_place"), _lineage("fork_seq"), _descendants())
_SHARED = _statements(_shared_lineage(), _shared_lineage(), _SHARED_DESCENDANTS)


def _statements_for(connection: Connection) -> _Statements:
    return _ALL if dialect_of(connection).readers(connection) is None else _SHARED


def messages_between(connection: Connection, session_id: str, low: int, top: int) -> list[Row[*tuple[Any, ...]]]:
    """The messages of the session and its ancestors with low < place <= top, in order."""
    if low >= top:
        return []
    return list(connection.execute(_statements_for(connection).between, {"id": session_id, "low": low, "top": top}))


def find_message(connection: Connection, session_id: str, message_id: str) -> Row[*tuple[Any, ...]] | None:
    """The message, if it belongs to the session or to the part of an ancestor that the session shares."""
    return connection.execute(_statements_for(connection).found, {"id": session_id, "message": message_id, "low": 0}).first()


def find_image(connection: Connection, session_id: str, sha256: str) -> bytes | None:
    """The bytes of that image, if it is in a message of the session or of the shared part of an ancestor."""
    data = connection.execute(_statements_for(connection).image, {"id": session_id, "hash": sha256, "low": 0}).scalar()
    return None if data is None else bytes(data)


def change_data(connection: Connection, session_id: str, after: int) -> list[str]:
    """The events after number `after` that changed files, as JSON, including those of ancestors."""
    return [
        event_json(row)
        for row in connection.execute(_statements_for(connection).changes, {"id": session_id, "low": after, "limit": ENDLESS})
    ]


def event_data(connection: Connection, session_id: str, after: int, limit: int) -> list[str]:
    """The events after number `after`, as JSON, including those of ancestors."""
    return [
        event_json(row)
        for row in connection.execute(_statements_for(connection).events, {"id": session_id, "low": after, "limit": limit})
    ]


def all_event_data(connection: Connection, session_id: str, after: int, most: int | None) -> list[str] | None:
    """All events after number `after`; None if they take more than `most` bytes."""
    data_list: list[str] = []
    size = 0
    with connection.execute(_statements_for(connection).events, {"id": session_id, "low": after, "limit": ENDLESS}) as rows:
        for data in map(event_json, rows):
            data_list.append(data)
            size += len(data.encode())
            if most is not None and size > most:
                return None
    return data_list


def descendants(connection: Connection, session_id: str) -> list[Row[*tuple[Any, ...]]]:
    """The session's forks, and their forks, that are not deleted, oldest first.

    Each with the place and the event number up to which it shares the session.
    """
    return list(connection.execute(_statements_for(connection).descendants, {"id": session_id}))
