"""Splits text into words and normalizes them like SQLite's index, so that both databases find the same messages.

A word is a run of letters and digits, in lower case and without accents. `parse_config` or `a.b` is found as a phrase: its words
next to each other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["any_order", "snippet", "vector"]

_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r"'([^']+)'(:\*)?")
_LONGEST = 500  # characters of a word: PostgreSQL's limit is 2046 bytes
_SIZE = 900_000  # bytes of all words of a message: PostgreSQL's limit is one megabyte. Later text is not indexed.
_LAST_POSITION = 16_383  # PostgreSQL's limit
_POSITIONS = 200  # positions of one word: PostgreSQL's limit is 255
_SHOWN = 24  # words in a snippet


def vector(text: str) -> str:
    """The text's words with their positions, in PostgreSQL's `tsvector` syntax."""
    positions: dict[str, list[int]] = {}
    size = 0
    for index, word in enumerate(_words(text), 1):
        at = positions.setdefault(word, [])
        if len(at) < _POSITIONS:
            size += 2 if at else len(word.encode()) + 12
            at.append(min(index, _LAST_POSITION))
        if size > _SIZE:
            break
    return " ".join(f"'{word}':{','.join(map(str, dict.fromkeys(at)))}" for word, at in positions.items())


def any_order(query: str) -> tuple[str, str]:
    """Two `tsquery` expressions for all words of the query in any order: with the last word as it is, and as a prefix."""
    phrases = [words for written in query.split() if (words := [f"'{word}'" for word in _words(written)])]
    whole = " & ".join(f"({' <-> '.join(words)})" for words in phrases)
    if not whole:
        return "", ""
    phrases[-1][-1] += ":*"
    return whole, " & ".join(f"({' <-> '.join(words)})" for words in phrases)


def snippet(text: str, words: str) -> str:
    """An excerpt of the text around the first word that a `tsquery` of `any_order` finds."""
    found = [(word, bool(begun)) for word, begun in _QUOTED.findall(words)]
    runs = [match.span() for match in _WORD.finditer(text)]
    if not runs:
        return ""
    first = next((index for index, (start, end) in enumerate(runs) if _is_one(text[start:end], found)), 0)
    low = max(0, min(first - _SHOWN // 4, len(runs) - _SHOWN))
    high = min(len(runs), low + _SHOWN)
    start = 0 if low == 0 else runs[low][0]
    end = len(text) if high == len(runs) else runs[high - 1][1]
    return f"{'…' if low else ''}{text[start:end]}{'…' if high < len(runs) else ''}"


def _is_one(run: str, found: list[tuple[str, bool]]) -> bool:
    folded = "".join(_words(run))
    return any(folded.startswith(word) if begun else folded == word for word, begun in found)


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(_folded(text)):
        yield match[0][:_LONGEST]


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFD", text.encode(errors="replace").decode().casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))
