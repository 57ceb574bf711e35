"""Titles of sessions."""

from __future__ import annotations

from typing import Final

from sessionls.domain.errors import InvalidParams
from sessionls.domain.visible import in_one_line

__all__ = ["UNTITLED", "fork_title", "title_of", "validate_title"]

UNTITLED: Final = "New session"
_LONGEST = 200  # characters


def validate_title(title: str) -> str:
    """The title in one line. Raises `InvalidParams`."""
    text = in_one_line(" ".join(title.split()))
    if not text or len(text) > _LONGEST:
        raise InvalidParams(f"A title must have 1 to {_LONGEST} characters.", fields=["title"])
    return text


def fork_title(title: str) -> str:
    """The default title of a fork."""
    return title if title.endswith(" (fork)") else f"{title[: _LONGEST - 7]} (fork)"


def title_of(text: str, limit: int = 60) -> str:
    """A title from a message: its first line that contains words, cut between words."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = in_one_line(" ".join(line.split()))
    if len(line) <= limit:
        return line or UNTITLED
    shortened = line[: limit - 1]
    head = shortened.rsplit(" ", 1)[0]
    return (head if len(head) > limit // 2 else shortened).rstrip(" ,.;:") + "…"
