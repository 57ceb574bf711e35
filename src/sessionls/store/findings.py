"""Findings: a projection of `findingReported` and `findingChanged`, and the queries on it.

A finding belongs to the session that reported it. A fork shows it in its messages, but does not own it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, exists, false, insert, or_, select, update

from sessionls.domain import uris
from sessionls.domain.change import Change
from sessionls.domain.errors import InvalidParams, SessionUnreadable
from sessionls.domain.events import FindingChanged, FindingReported
from sessionls.domain.model import Finding
from sessionls.domain.scope import HINT, Scope
from sessionls.sessions.workspace.anchors import strip_whitespace
from sessionls.store.access import reader_places
from sessionls.store.engine import dialect_of
from sessionls.store.places import is_in_scope
from sessionls.store.rows import dump, reading
from sessionls.store.schema import findings, session_places, sessions

__all__ = ["changed_findings", "find", "known", "matching", "write_findings"]

_DATA = select(findings.c.session_id, findings.c.data)
_ONE = _DATA.where(findings.c.id == bindparam("id"))
_OWN = _DATA.where(findings.c.id == bindparam("id"), findings.c.session_id == bindparam("session"))
_UPDATE = update(findings).where(findings.c.id == bindparam("key"))
_theirs, _ours = session_places.alias("theirs"), session_places.alias("ours")
_KNOWN = _DATA.where(
    findings.c.uri == bindparam("uri"),
    findings.c.code == bindparam("code"),
    findings.c.state.in_(("open", "dismissed")),
    or_(
        findings.c.session_id == bindparam("session"),
        exists(
            select(_theirs.c.session_id)
            .join(_ours, and_(_ours.c.kind == _theirs.c.kind, _ours.c.value == _theirs.c.value, _ours.c.kind != HINT))
            .where(_theirs.c.session_id == findings.c.session_id, _ours.c.session_id == bindparam("session"))
        ),
    ),
).order_by(findings.c.id.desc())


def write_findings(connection: Connection, change: Change, rev: int) -> None:
    """Apply the change's events to the projection."""
    for event in change.events:
        if isinstance(event, FindingReported):
            finding = event.finding.model_copy(update={"session_id": change.session_id})
            key = {
                "id": finding.id,
                "session_id": change.session_id,
                "uri": uris.uri_key(finding.uri),
                "code": _code_key(finding),
            }
            connection.execute(insert(findings), {**key, "rev": rev, "state": finding.state, "data": dump(finding)})
        elif isinstance(event, FindingChanged):
            row = connection.execute(_OWN, {"id": event.finding_id, "session": change.session_id}).one_or_none()
            if row is not None:
                changed = {"state": event.state, "reason": event.reason}
                finding = _finding_of(row).model_copy(update=changed)
                connection.execute(_UPDATE, {"key": finding.id, "rev": rev, "state": event.state, "data": dump(finding)})


def find(connection: Connection, finding_id: str) -> Finding:
    """Returns the finding. Raises `InvalidParams` if it does not exist."""
    row = connection.execute(_ONE, {"id": finding_id}).one_or_none()
    if row is None:
        raise InvalidParams(
            f"There is no finding {finding_id!r}.", fields=["findingId"], hint="List the findings that exist with finding/list."
        )
    return _finding_of(row)


def matching(
    connection: Connection,
    *,
    session_id: str | None = None,
    ids: Collection[str] | None = None,
    uri: str | None = None,
    state: str | None = None,
    scope: Scope | None = None,
) -> list[Finding]:
    """Findings, oldest first. Without a session: of all sessions of the scope (None: all) that are not archived."""
    conditions: list[ColumnElement[bool]] = []
    if session_id is not None:
        conditions.append(findings.c.session_id == session_id)
    else:
        conditions.append(_is_listed(scope))
        readers = dialect_of(connection).readers(connection)
        if readers is not None and state == "open":
            conditions.append(findings.c.session_id.in_(_sessions_with_findings(readers, scope)))
    if ids is not None:
        conditions.append(findings.c.id.in_(ids))
    if uri is not None:
        conditions.append(findings.c.uri == uris.uri_key(uri))
    if state is not None:
        conditions.append(findings.c.state == state)
    return _readable_findings(connection.execute(_DATA.where(*conditions).order_by(findings.c.id)))


def changed_findings(connection: Connection, since: int | None, *, scope: Scope | None) -> tuple[int, list[Finding]]:
    """Returns the current change number, and the findings in any state that changed after `since` (None: all open findings)."""
    rev = dialect_of(connection).newest_rev(connection)
    if since is None:
        return rev, matching(connection, state="open", scope=scope)
    conditions = [findings.c.rev > since, _is_listed(scope)]
    return rev, _readable_findings(connection.execute(_DATA.where(*conditions).order_by(findings.c.rev, findings.c.id)))


def known(connection: Connection, session_id: str, finding: Finding) -> Finding | None:
    """The same finding, if it was reported before (see `ports.Store.known_finding`)."""
    key = {"session": session_id, "uri": uris.uri_key(finding.uri), "code": _code_key(finding)}
    candidates = [
        candidate for candidate in _readable_findings(connection.execute(_KNOWN, key)) if _is_same_location(candidate, finding)
    ]
    return min(candidates, key=lambda candidate: abs(candidate.range.start.line - finding.range.start.line), default=None)


def _finding_of(row: Row[*tuple[Any, ...]]) -> Finding:
    with reading(row.session_id):
        return Finding.model_validate_json(row.data)


def _readable_findings(rows: Iterable[Row[*tuple[Any, ...]]]) -> list[Finding]:
    """The findings of these rows, without those that cannot be read."""
    readable: list[Finding] = []
    for row in rows:
        with suppress(SessionUnreadable):
            readable.append(_finding_of(row))
    return readable


def _is_listed(scope: Scope | None) -> ColumnElement[bool]:
    """Whether the finding's session belongs to the scope and is not archived."""
    # Checked for each finding: selecting the sessions first would take time proportional to the number of sessions.
    states = ("active", "paused")
    if scope is None:
        return exists(select(sessions.c.id).where(sessions.c.id == findings.c.session_id, sessions.c.state.in_(states)))
    return is_in_scope(findings.c.session_id, scope, states)


def _sessions_with_findings(readers: Sequence[str], scope: Scope | None) -> Select[Any]:
    """The sessions with open findings. (There is an index of them by reader and place.)"""
    columns = reader_places.c
    places = [("*", "")] if scope is None else list(scope)
    in_scope = or_(false(), *(and_(columns.kind == kind, columns.value == value) for kind, value in places))
    return select(columns.session_id).where(columns.reader.in_(readers), columns.has_findings, in_scope)


def _code_key(finding: Finding) -> str:
    """A key that is equal for equal findings in one document: a hash of the rule (or title) and the quoted code."""
    quote = None if finding.anchor is None else strip_whitespace(finding.anchor.quote)
    place: Any = [finding.range.wire()] if quote is None else [quote, finding.anchor.start if finding.anchor else 0]
    rule = ["rule", finding.rule] if finding.rule else ["title", finding.title.casefold()]
    return hashlib.sha256(json.dumps([*rule, *place]).encode()).hexdigest()


def _is_same_location(one: Finding, other: Finding) -> bool:
    """Whether two findings that quote the same code are about the same location.

    Within one message the ranges must be equal. Between messages, the code before or after must be unchanged.
    """
    if one.message_id == other.message_id:
        return one.range == other.range
    if one.anchor is None or other.anchor is None:
        return True
    if one.range == other.range:
        return True
    before = strip_whitespace(one.anchor.before) == strip_whitespace(other.anchor.before)
    return before or strip_whitespace(one.anchor.after) == strip_whitespace(other.anchor.after)
