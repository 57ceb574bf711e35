"""Splits text into words and normalizes them like SQLite's index, so that all databases find the same messages.

A word is a run of letters and digits, in lower case and without accents. `parse_config` or `a.b` is found as a phrase: its words
next to each other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["LONGEST", "QueryWord", "snippet", "words_of"]

LONGEST = 500  # characters of a word: PostgreSQL takes 2046 bytes

_WORD = re.compile(r"[^\W_]+")
_SNIPPET_WORDS = 24  # words of a snippet


class QueryWord(NamedTuple):
    """A word of a query. With `is_prefix`, it is a prefix."""

    word: str
    is_prefix: bool


def words_of(text: str) -> Iterator[str]:
    for match in _WORD.finditer(_folded(text)):
        yield match[0][:LONGEST]


def snippet(text: str, wanted: Sequence[QueryWord]) -> str:
    """An excerpt of the text around the first of the wanted words."""
    runs = [match.span() for match in _WORD.finditer(text)]
    if not runs:
        return ""
    first = next((index for index, (start, end) in enumerate(runs) if _matches_any(text[start:end], wanted)), 0)
    low = max(0, min(first - _SNIPPET_WORDS // 4, len(runs) - _SNIPPET_WORDS))
    high = min(len(runs), low + _SNIPPET_WORDS)
    start = 0 if low == 0 else runs[low][0]
    end = len(text) if high == len(runs) else runs[high - 1][1]
    return f"{'…' if low else ''}{text[start:end]}{'…' if high < len(runs) else ''}"


def _matches_any(run: str, wanted: Sequence[QueryWord]) -> bool:
    folded = "".join(words_of(run))
    return any(folded.startswith(word) if is_prefix else folded == word for word, is_prefix in wanted)


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.encode(errors="replace").decode().casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
