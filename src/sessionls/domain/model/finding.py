"""A finding of a review, and the code that it is about."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sessionls.domain.model.base import Line, Range, Wire

__all__ = ["Anchor", "Finding"]


class Anchor(Wire):
    """The original code that a finding is about: the lines of its range (`quote`), and some lines before and after.

    It is used to find the range again after edits (see `anchors.py`). `start` and `end` are the offsets of the range in the first
    and the last line, in code points; without `end` the range ends at the end of the line.
    """

    quote: str
    before: str = ""
    after: str = ""
    start: int = Field(default=0, ge=0)
    end: int | None = Field(default=None, ge=0)


class Finding(Wire):
    """A result of a review at a range of a file. `severity` is as in LSP: 1 error … 4 hint.

    `help` is the URL of a page about the rule. `reason` says why it is `fixed` or `dismissed`.
    """

    id: str
    uri: str
    range: Range
    severity: Literal[1, 2, 3, 4]
    title: Line
    body: str
    rule: str | None = None
    suggestion: str | None = None
    state: Literal["open", "fixed", "dismissed"] = "open"
    reason: str | None = None
    help: str | None = None
    anchor: Anchor | None = None
    session_id: str = ""
    agent: str
    message_id: str
