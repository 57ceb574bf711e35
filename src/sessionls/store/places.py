"""Scopes in SQL: the rule of `scope.py`, for every statement that selects the sessions of a scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, exists, or_, select

from sessionls.domain.scope import FOLDER, HINT, REPOSITORY, Scope
from sessionls.store.columns import TEXT
from sessionls.store.schema import session_places

__all__ = ["IN_SCOPE", "is_in_scope", "older_places", "scope_in", "scope_parameters", "scope_values"]

_PLACES = select(session_places.c.kind, session_places.c.value).where(session_places.c.session_id == bindparam("id"))
_hints, _folders = session_places.alias("hints"), session_places.alias("folders")
_OLDER = (
    select(_hints.c.value.label("hint"), _folders.c.value.label("folder"))
    .distinct()
    .join(_folders, and_(_folders.c.session_id == _hints.c.session_id, _folders.c.kind == FOLDER))
    .where(_hints.c.kind == HINT)
    .limit(1000)
)

IN_SCOPE: Final = f"(p.kind = '{FOLDER}' AND p.value IN :folders OR p.kind = '{REPOSITORY}' AND p.value IN :repositories)"
"""For statements written as text: whether the row `p` of `session_places` is in the scope (see `scope_parameters`)."""


def scope_parameters() -> list[BindParameter[Any]]:
    """The parameters of `IN_SCOPE`."""
    return [bindparam(name, type_=TEXT, expanding=True) for name in ("folders", "repositories")]


def scope_values(scope: Scope) -> dict[str, list[str]]:
    """The values for `scope_parameters`."""
    return {"folders": sorted(scope.folders), "repositories": sorted(scope.repositories)}


def is_in_scope(session_id: ColumnElement[Any], scope: Scope, states: Sequence[str] = ()) -> ColumnElement[bool]:
    """Whether the session belongs to the scope and, if states are given, is in one of them."""
    columns = session_places.c
    in_scope = or_(
        and_(columns.kind == FOLDER, columns.value.in_(scope.folders)),
        and_(columns.kind == REPOSITORY, columns.value.in_(scope.repositories)),
    )
    in_states = [columns.state.in_(states)] if states else []
    return exists(select(columns.session_id).where(columns.session_id == session_id, in_scope, *in_states))


def scope_in(connection: Connection, session_id: str) -> Scope:
    """The scope of the session."""
    values: Mapping[str, set[str]] = {FOLDER: set(), REPOSITORY: set(), HINT: set()}
    for row in connection.execute(_PLACES, {"id": session_id}):
        values[row.kind].add(row.value)
    return Scope(*(frozenset(values[kind]) for kind in (FOLDER, REPOSITORY, HINT)))


def older_places(connection: Connection) -> list[tuple[str, str]]:
    """The hints of sessions that are in no repository, each with a folder of such a session."""
    return [(row.hint, row.folder) for row in connection.execute(_OLDER)]
