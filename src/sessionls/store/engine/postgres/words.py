"""Text and queries in the form of PostgreSQL's full-text search."""

from __future__ import annotations

import re

from sessionls.store.engine.words import QueryWord, words_of

__all__ = ["query_expressions", "query_words", "vector"]

_QUOTED = re.compile(r"'([^']+)'(:\*)?")
_SIZE = 900_000  # bytes of all words of a message: PostgreSQL's limit is one megabyte. Later text is not indexed.
_LAST_POSITION = 16_383  # PostgreSQL's limit
_POSITIONS = 200  # positions of one word: PostgreSQL's limit is 255


def vector(text: str) -> str:
    """The text's words with their positions, in PostgreSQL's `tsvector` syntax."""
    positions: dict[str, list[int]] = {}
    size = 0
    for index, word in enumerate(words_of(text), 1):
        at = positions.setdefault(word, [])
        if len(at) < _POSITIONS:
            size += 2 if at else len(word.encode()) + 12
            at.append(min(index, _LAST_POSITION))
        if size > _SIZE:
            break
    return " ".join(f"'{word}':{','.join(map(str, dict.fromkeys(at)))}" for word, at in positions.items())


def query_expressions(query: str) -> tuple[str, str]:
    """Two `tsquery` expressions for all words of the query in any order: with the last word as it is, and as a prefix."""
    phrases = [words for written in query.split() if (words := [f"'{word}'" for word in words_of(written)])]
    whole = " & ".join(f"({' <-> '.join(words)})" for words in phrases)
    if not whole:
        return "", ""
    phrases[-1][-1] += ":*"
    return whole, " & ".join(f"({' <-> '.join(words)})" for words in phrases)


def query_words(words: str) -> list[QueryWord]:
    """The words of a `tsquery` of `query_expressions`."""
    return [QueryWord(word, is_prefix=bool(is_prefix)) for word, is_prefix in _QUOTED.findall(words)]
