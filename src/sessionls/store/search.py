"""Full text search over messages.

A common word stands in a million messages, so what a search costs must not depend on how many messages match: the newest
`_RANKED` matches are found first; only if there are fewer of them are they ranked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, text

from sessionls.domain.model import Message
from sessionls.domain.scope import Scope
from sessionls.ports.store import Hit
from sessionls.store import lineage
from sessionls.store.engine import Match, dialect_of
from sessionls.store.places import IN_SCOPE, scope_parameters, scope_values
from sessionls.store.rows import require, session_of

__all__ = ["index_message", "purge", "search", "unindex", "unindex_message"]

_RANKED = 500  # matches: so many are ranked; where there are more, the newest come first
_SNIPPET = 1000  # characters of a snippet at most
_FEW = 20_000  # messages: in a scope of at most so many, the matches are looked for among these alone

_ONE_PLACE = "SELECT 1 FROM session_places AS p WHERE p.session_id = :id AND {place}"
_IS_HERE = text(_ONE_PLACE.format(place=IN_SCOPE)).bindparams(*scope_parameters())


@dataclass(frozen=True, slots=True)
class _Match:
    """The message number `n`, found by these `words`, and the session it is reported under."""

    n: int
    session_id: str
    message_id: str
    words: str


def index_message(connection: Connection, session_id: str, message: Message) -> None:
    """Make a message's words, as they are now, the ones that are found."""
    dialect_of(connection).index_message(connection, session_id, message.id, message.text)


def unindex_message(connection: Connection, session_id: str, message_id: str) -> None:
    """Find that message no more."""
    dialect_of(connection).index_message(connection, session_id, message_id, "")


def unindex(connection: Connection, session_id: str, *, above: int) -> None:
    """Find the session's messages behind that place, and those that wait, no more."""
    dialect_of(connection).unindex_messages(connection, session_id, above)


def purge(connection: Connection, *, first: bool) -> bool:
    """Take a step in clearing the index of words that no message has any more; says whether there may be more to do."""
    return dialect_of(connection).purge(connection, first=first)


def search(connection: Connection, query: str, *, scope: Scope | None, limit: int) -> list[Hit]:
    """The messages with all these words; the last word may be the beginning of one.

    The best first, where at most `_RANKED` messages match, else the newest first.
    """
    dialect = dialect_of(connection)
    here = {} if scope is None else scope_values(scope)
    whole, beginning = dialect.expressions(query)
    if not whole:
        return []
    # To find all words with one beginning takes as long as all their matches are; so they are asked for only where the word
    # itself is not common.
    found = _newest(connection, whole, here)
    if len(found) < _RANKED:
        found = _newest(connection, beginning, here)
    if not found:
        return []
    if len(found) < _RANKED:  # the best first; of two that are as good, the newer
        ranks = dialect.ranks(connection, found[0].words, [one.n for one in found])
        found = sorted(found, key=lambda one: ranks[one.n])
    best = found[:limit]
    snippets = dialect.snippets(connection, best[0].words, [one.n for one in best]) if best else {}
    sessions = {session_id: session_of(require(connection, session_id)) for session_id in {one.session_id for one in best}}
    return [Hit(sessions[one.session_id], one.message_id, _short(snippets[one.n])) for one in best]


def _short(snippet: str) -> str:
    """Snippets are cut by words, and a word may be of any length."""
    return snippet if len(snippet) <= _SNIPPET else f"{snippet[:_SNIPPET]}…"


def _newest(connection: Connection, words: str, here: Mapping[str, Any]) -> list[_Match]:
    """The newest `_RANKED` matches, the newest first."""
    with closing(dialect_of(connection).matches(connection, words, here, _FEW)) as found:  # type: ignore[type-var]
        return list(islice(_reported(connection, found, words, here), _RANKED))


def _reported(connection: Connection, found: Iterable[Match], words: str, here: Mapping[str, Any]) -> Iterator[_Match]:
    """What is left of deleted sessions belongs to their forks: each match under the oldest fork that holds it."""
    descendants: dict[str, Sequence[Row[*tuple[Any, ...]]]] = {}
    for one in found:
        session_id: str | None = one.session_id
        if one.deleted:
            if one.session_id not in descendants:
                living = lineage.descendants(connection, one.session_id)
                descendants[one.session_id] = [
                    heir for heir in living if not here or connection.execute(_IS_HERE, {"id": heir.id, **here}).first()
                ]
            place = one.place or 0
            session_id = next((heir.id for heir in descendants[one.session_id] if place <= heir.cut_place), None)
        if session_id is not None:
            yield _Match(one.n, session_id, one.id, words)
