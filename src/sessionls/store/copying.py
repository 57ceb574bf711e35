"""Copying a session from one database to another, also between SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, select, update

from sessionls.domain.errors import SessionUnreadable
from sessionls.domain.model import Participant
from sessionls.store.access import access
from sessionls.store.copied_authors import CopiedAuthors
from sessionls.store.copied_secrets import CopiedSecrets
from sessionls.store.engine import Database, dialect_of
from sessionls.store.people import own_profile
from sessionls.store.rows import MESSAGE_COLUMNS, dump, message_of, session_of, with_content
from sessionls.store.schema import claims, drafts, events, findings, images, messages, parts, session_places, sessions, summaries
from sessionls.store.search import index_message, unindex
from sessionls.store.titles import add_title, remove_title

__all__ = ["CopyOutcome", "copy_session"]

_SESSION = select(sessions).where(sessions.c.id == bindparam("id"))
_LOCKED = _SESSION.with_for_update()
_EVENTS = select(events).where(events.c.session_id == bindparam("id")).order_by(events.c.seq)
_MESSAGES = select(*MESSAGE_COLUMNS).select_from(with_content(messages)).where(messages.c.session_id == bindparam("id"))
# The ancestors of a fork, oldest first, with the parts that it shares.
_SHARED_LINE = (
    select(access.c.session_id.label("id"), func.max(access.c.place).label("place"), func.max(access.c.seq).label("seq"))
    .where(access.c.heir == bindparam("id"), access.c.session_id != bindparam("id"))
    .group_by(access.c.session_id)
    .order_by("seq", "place")
)
_UPDATE = update(sessions).where(sessions.c.id == bindparam("key"))
_SUMMARY = select(summaries.c.n).where(
    summaries.c.session_id == bindparam("id"), summaries.c.seq == bindparam("number"), summaries.c.at_place == bindparam("place")
)
# The tables with rows of a session, in an order in which the rows can be inserted: the events give access to it.
_SESSION_TABLES = (events, session_places, messages, parts, findings, images)
_BATCH = 500  # rows
_HASHES = select(images.c.sha256).where(images.c.session_id == bindparam("id"))
_IMAGE = select(images).where(images.c.session_id == bindparam("id"), images.c.sha256 == bindparam("hash"))


@dataclass(frozen=True, slots=True)
class CopyOutcome:
    """`refused` is the reason why the session was not copied; empty if it was copied or is up to date. `masked` is the number of
    secrets that were masked in its log and in the logs of its ancestors.
    """

    written: bool = False
    refused: str = ""
    masked: int = 0


def copy_session(
    here: Database, there: Database, session_id: str, own: Participant | None = None, *, masks: bool = True
) -> CopyOutcome:
    """Copy the session and its ancestors, oldest first, each in one transaction. Copying again changes nothing.

    `own` is the participant in `here` who copies, for a target with logins (see `copied_authors.py`). There secrets are
    masked, if `masks`.
    """
    with here.reading() as source:
        lineage: list[Any] = [source.execute(_SESSION, {"id": session_id}).one()]
        while lineage[-1].parent_id is not None:
            parent = source.execute(_SESSION, {"id": lineage[-1].parent_id}).one_or_none()
            lineage.append(parent or _hidden(source, session_id, lineage[-1].parent_id))
        outcome, masked = CopyOutcome(), 0
        for row in reversed(lineage):
            try:
                with there.writing() as target:
                    authors = _authors(target, own)
                    secrets = CopiedSecrets() if masks and authors is not None else None
                    outcome = _copy_one(source, target, row, _CopyRules(authors, secrets))
                    masked += 0 if secrets is None or not outcome.written else secrets.count
            except SessionUnreadable:
                outcome = CopyOutcome(refused="its data is damaged, or a newer version of sessionls wrote it.")
            if outcome.refused:
                break
    return replace(outcome, masked=masked)


@dataclass(frozen=True, slots=True)
class _CopyRules:
    """How the rows of a copy differ from the original: their authors, and masked secrets."""

    authors: CopiedAuthors | None
    secrets: CopiedSecrets | None

    def event(self, row: dict[str, Any]) -> dict[str, Any]:
        row = row if self.secrets is None else self.secrets.event(row)
        return row if self.authors is None else self.authors.event(row)

    def session(self, values: dict[str, Any]) -> dict[str, Any]:
        values = values if self.secrets is None else self.secrets.session(values)
        return values if self.authors is None else self.authors.session(values)

    def row(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        row = row if self.secrets is None or table not in (messages, parts, findings) else self.secrets.row(row)
        return row if self.authors is None or table is not messages else self.authors.message(row)

    def summary(self, values: dict[str, Any]) -> dict[str, Any]:
        return values if self.secrets is None else {**values, "summary": self.secrets.text(values["summary"])}


@dataclass(frozen=True, slots=True)
class _Hidden:
    """An ancestor that the login cannot see. It is copied like a deleted session, with the part that the fork shares."""

    id: str
    parent_id: str | None
    fork_place: int
    fork_seq: int
    rev: int = 0
    deleted: bool = True
    state: str | None = None
    title_key: str | None = None
    updated_at: str | None = None
    seq: int = 0
    placed: int = 0
    reply: str | None = None
    summary: int | None = None
    session: str | None = None
    rest: str | None = None

    def _asdict(self) -> dict[str, Any]:
        return asdict(self)


def _hidden(source: Connection, session_id: str, ancestor: str) -> _Hidden:
    shared = [None, *source.execute(_SHARED_LINE, {"id": session_id}).all()]
    before, _ = next((before, event) for before, event in pairwise(shared) if event is not None and event.id == ancestor)
    if before is None:
        return _Hidden(ancestor, None, 0, 0)
    return _Hidden(ancestor, before.id, before.place, before.seq)


def _authors(target: Connection, own: Participant | None) -> CopiedAuthors | None:
    """The rules for authors; None if the login may write everything."""
    readers = dialect_of(target).readers(target)
    if readers is None:
        return None
    login = readers[0]
    owner = own_profile(target, own or Participant(id=login, name=login), renames=False)
    return CopiedAuthors(owner, frozenset(() if own is None else {own.id}))


def _copy_one(source: Connection, target: Connection, row: Any, changes: _CopyRules) -> CopyOutcome:
    if row.reply:
        return CopyOutcome(refused="a reply is being written in it.")
    log = [event._asdict() for event in source.execute(_EVENTS, {"id": row.id})]
    existing = target.execute(_LOCKED, {"id": row.id}).one_or_none()
    if existing is not None:
        if existing.reply:
            return CopyOutcome(refused="a reply is being written in the other database's copy of it.")
        existing_log = list(target.execute(_EVENTS, {"id": row.id}))
        common = min(len(log), len(existing_log))
        if any(not _is_same(ours, their_event, changes) for ours, their_event in zip(log, existing_log, strict=False)):
            return CopyOutcome(refused="it has different events in the two databases.")
        if existing.deleted and not row.deleted:
            return CopyOutcome(refused="it, or a session that it was forked from, was deleted in the other database.")
        if common == len(log) or row.deleted:
            return CopyOutcome()
        if changes.authors is not None:
            return CopyOutcome(
                refused="it has continued since it was copied, and only the owner of the tables can copy the rest."
            )
        _clear(target, existing)
    if changes.authors is not None and row.deleted:
        return CopyOutcome(refused="it is a fork of a deleted session, which only the owner of the tables can copy.")
    first = None if existing is not None else dialect_of(target).first_rev(target)
    values = {name: value for name, value in row._asdict().items() if name not in ("id", "rev", "summary")}
    if row.session is not None:
        values["session"] = dump(session_of(row).model_copy(update={"present": None}))  # presence is not copied
    values, log = changes.session(values), [changes.event(event) for event in log]
    if existing is None:
        target.execute(insert(sessions), {"id": row.id, "rev": first, "summary": None, **values})
    _write(source, target, row, log, values["title_key"], changes)
    summary = _summaries(source, target, row, changes)
    rev = dialect_of(target).last_rev(target, row.id, first)
    target.execute(_UPDATE, {"key": row.id, **values, "summary": summary, "rev": rev})
    target.execute(update(findings).where(findings.c.session_id == bindparam("key")), {"key": row.id, "rev": rev})
    return CopyOutcome(written=True)


def _clear(target: Connection, existing: Row[*tuple[Any, ...]]) -> None:
    """Remove the session's rows, before they are written again."""
    unindex(target, existing.id, above=-1)
    if existing.title_key is not None:
        remove_title(target, existing.id, existing.title_key)
    for table in (claims, drafts, *reversed(_SESSION_TABLES)):
        target.execute(delete(table).where(table.c.session_id == bindparam("key")), {"key": existing.id})


def _is_same(ours: dict[str, Any], theirs: Row[*tuple[Any, ...]], changes: _CopyRules) -> bool:
    """Whether one event is a copy of the other, with or without masked secrets."""
    their_content = _content(theirs._asdict())
    if their_content in (_content(ours), _content(_CopyRules(changes.authors, None).event(ours))):
        return True
    # Versions may mask different secrets, so both events are compared as this version masks them.
    secrets = CopiedSecrets()
    return _content(secrets.event(theirs._asdict())) == _content(_CopyRules(changes.authors, secrets).event(ours))


def _content(event: dict[str, Any]) -> tuple[str, str | None]:
    return event["data"], event["message"]


def _write(
    source: Connection,
    target: Connection,
    row: Any,
    log: list[dict[str, Any]],
    title_key: str | None,
    changes: _CopyRules,
) -> None:
    for table in _SESSION_TABLES:
        if table is images:
            _write_images(source, target, row.id)
            continue
        rows = log if table is events else None
        if rows is None:
            statement = select(table).where(table.c.session_id == row.id)
            if table is messages:  # rows are numbered in the order of insertion
                statement = statement.order_by(messages.c.n)
            rows = [selected._asdict() for selected in source.execute(statement)]
        for values in rows if table is messages else ():
            values.pop("n")
        if table is not events:
            rows = [changes.row(table, values) for values in rows]
        for values in rows if table is findings else ():
            values["rev"] = 0
        for start in range(0, len(rows), _BATCH):
            target.execute(insert(table), rows[start : start + _BATCH])
    if title_key is not None:
        add_title(target, row.id, title_key)
    for copied in target.execute(_MESSAGES, {"id": row.id}).all():
        message = message_of(copied)
        index_message(target, row.id, message.id, "", message.text)


def _write_images(source: Connection, target: Connection, session_id: str) -> None:
    """Copy the images one by one: all of them together may not fit into memory."""
    for sha256 in source.execute(_HASHES, {"id": session_id}).scalars().all():
        target.execute(insert(images), [source.execute(_IMAGE, {"id": session_id, "hash": sha256}).one()._asdict()])


def _summaries(source: Connection, target: Connection, row: Any, changes: _CopyRules) -> int | None:
    """Copy the summaries that the target lacks. Returns the target's number of the newest one that applies to the session."""
    statement = select(summaries).where(summaries.c.session_id == row.id).order_by(summaries.c.n)
    for summary in source.execute(statement).all():
        if _find_summary(target, summary) is None:
            values = {name: value for name, value in summary._asdict().items() if name not in ("n", "previous")}
            values = changes.summary(values)
            target.execute(insert(summaries), {**values, "previous": _number_in_target(source, target, summary.previous)})
    return _number_in_target(source, target, row.summary)


def _number_in_target(source: Connection, target: Connection, n: int | None) -> int | None:
    if n is None:
        return None
    summary = source.execute(select(summaries).where(summaries.c.n == n)).one_or_none()
    return None if summary is None else _find_summary(target, summary)


def _find_summary(target: Connection, summary: Row[*tuple[Any, ...]]) -> int | None:
    number = target.execute(_SUMMARY, {"id": summary.session_id, "number": summary.seq, "place": summary.at_place}).scalar()
    return None if number is None else int(number)
