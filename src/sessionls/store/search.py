"""Full text search over messages.

A common word may occur in a million messages, so the cost of a search must not depend on the number of matches. Only the newest
`_RANKED` matches are read, and they are ranked only if there are fewer than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from sessionls.domain.errors import SessionUnreadable
from sessionls.domain.scope import Scope
from sessionls.ports.store import Hit
from sessionls.store import lineage
from sessionls.store.engine import Match, dialect_of
from sessionls.store.engine.words import snippet
from sessionls.store.places import IN_SCOPE, scope_parameters, scope_values
from sessionls.store.rows import MESSAGE_COLUMNS, message_of, readable_sessions, require, with_content
from sessionls.store.schema import messages

__all__ = ["index_message", "purge", "search", "unindex"]

_RANKED = 500  # matches: fewer are ranked, more are sorted by age
_SNIPPET = 1000  # characters of a snippet at most

_ONE_PLACE = "SELECT 1 FROM session_places AS p WHERE p.session_id = :id AND {place}"
_TEXTS = (
    select(messages.c.n, *MESSAGE_COLUMNS)
    .select_from(with_content(messages))
    .where(messages.c.n.in_(bindparam("those", expanding=True)))
)
_IS_HERE = text(_ONE_PLACE.format(place=IN_SCOPE)).bindparams(*scope_parameters())


@dataclass(frozen=True, slots=True)
class _Match:
    """The message with number `n`, the `words` that found it, and the session that the hit is reported for."""

    n: int
    session_id: str
    message_id: str
    words: str


def index_message(connection: Connection, session_id: str, message_id: str, before: str, after: str) -> None:
    """Index the text `after` for a message in place of `before`, the text that is indexed now."""
    if before != after:
        dialect_of(connection).index_message(connection, session_id, message_id, before, after)


def unindex(connection: Connection, session_id: str, *, above: int) -> None:
    """Remove the session's queued messages and those after place `above` from the index, before they are deleted."""
    dialect_of(connection).unindex_messages(connection, session_id, above)


def purge(connection: Connection, *, first: bool) -> bool:
    """Take one step in erasing the text of deleted messages from the index. Returns whether there may be more to do."""
    return dialect_of(connection).purge(connection, first=first)


def search(connection: Connection, query: str, *, scope: Scope | None, limit: int, small_scope: int) -> list[Hit]:
    """The messages with all these words. The last word of the query may be the beginning of a word.

    The best matches come first if fewer than `_RANKED` messages match, else the newest. In a scope with at most `small_scope`
    messages, only these are searched.
    """
    dialect = dialect_of(connection)
    here = {} if scope is None else scope_values(scope)
    whole, beginning = dialect.expressions(query)
    if not whole:
        return []
    # A prefix search reads all matches of all words with that prefix. So it runs only if the whole word is not common.
    matches = _newest_matches(connection, whole, here, small_scope)
    if len(matches) < _RANKED:
        matches = _newest_matches(connection, beginning, here, small_scope)
    if not matches:
        return []
    if len(matches) < _RANKED:  # the best first; of equally good ones, the newest
        ranks = dialect.ranks(connection, matches[0].words, [match.n for match in matches])
        matches = sorted(matches, key=lambda match: ranks[match.n])
    best = matches[:limit]
    snippets = _snippets(connection, best)
    rows = (require(connection, session_id) for session_id in {match.session_id for match in best})
    sessions = {session.id: session for session in readable_sessions(rows)}
    return [
        Hit(sessions[match.session_id], match.message_id, _shorten(snippets[match.n]))
        for match in best
        if match.session_id in sessions and match.n in snippets
    ]


def _snippets(connection: Connection, matches: Sequence[_Match]) -> dict[int, str]:
    """An excerpt of each of these messages around the words of the query, without messages that cannot be read."""
    wanted = dialect_of(connection).query_words(matches[0].words)
    snippets: dict[int, str] = {}
    for row in connection.execute(_TEXTS, {"those": [match.n for match in matches]}):
        with suppress(SessionUnreadable):
            snippets[row.n] = snippet(message_of(row).text, wanted)
    return snippets


def _shorten(snippet: str) -> str:
    """Cut a snippet that is too long: the database limits the number of words, but a word may have any length."""
    return snippet if len(snippet) <= _SNIPPET else f"{snippet[:_SNIPPET]}…"


def _newest_matches(connection: Connection, words: str, here: Mapping[str, Any], small_scope: int) -> list[_Match]:
    """At most `_RANKED` matches, newest first."""
    with closing(dialect_of(connection).matches(connection, words, here, small_scope)) as matches:  # type: ignore[type-var]
        return list(islice(_with_session(connection, matches, words, here), _RANKED))


def _with_session(connection: Connection, matches: Iterable[Match], words: str, here: Mapping[str, Any]) -> Iterator[_Match]:
    """Report a match in a deleted session for its oldest fork that shares the message."""
    descendants: dict[str, Sequence[Row[*tuple[Any, ...]]]] = {}
    for match in matches:
        session_id: str | None = match.session_id
        if match.deleted:
            if match.session_id not in descendants:
                descendants[match.session_id] = [
                    fork
                    for fork in lineage.descendants(connection, match.session_id)
                    if not here or connection.execute(_IS_HERE, {"id": fork.id, **here}).first()
                ]
            place = match.place or 0
            session_id = next((fork.id for fork in descendants[match.session_id] if place <= fork.cut_place), None)
        if session_id is not None:
            yield _Match(match.n, session_id, match.id, words)
