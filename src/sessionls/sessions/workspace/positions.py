"""Converts LSP positions to offsets of code points (LSP 3.17, `Position` and `PositionEncodingKind`)."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Literal

from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import Position, Range

__all__ = ["Encoding", "Lines", "split_lines"]

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_STEP = 1024  # characters
_LINE_END = re.compile(r"\r\n|\n|\r")  # exactly these three, by the specification


class Lines:
    """A text by lines: turns positions into offsets of code points and back, in one encoding.

    A line past the end means the end of the text, a character past the end of a line the end of that line (before its line
    end), and a position inside a character (a surrogate pair, a sequence of bytes) the start of that character.
    """

    def __init__(self, text: str, encoding: Encoding) -> None:
        self.text = text
        self.encoding: Encoding = encoding
        self._starts = [0]
        self._ends: list[int] = []
        for end in _LINE_END.finditer(text):
            self._ends.append(end.start())
            self._starts.append(end.end())
        self._ends.append(len(text))
        self._plain = encoding == "utf-32" or text.isascii()  # a character is one unit wide
        self._marks: dict[int, list[int]] = {}

    def __len__(self) -> int:
        """The number of lines: one more than line ends."""
        return len(self._starts)

    def line(self, number: int) -> str:
        """The text of a line (from 0), without its line end."""
        return self.text[self._starts[number] : self._ends[number]]

    def start(self, number: int) -> int:
        """The offset at which a line (from 0) begins."""
        return self._starts[number]

    def offset(self, position: Position) -> int:
        """The offset of the position in the text."""
        if position.line >= len(self._starts):
            return len(self.text)
        number, start = position.line, self._starts[position.line]
        length = self._ends[number] - start
        if self._plain:
            return start + min(position.character, length)
        # The longest prefix of the line that is not wider than the position.
        return start + bisect_right(range(1, length + 1), position.character, key=lambda size: self._width_of(number, size))

    def position(self, offset: int) -> Position:
        """The position of an offset; one between CR and LF is the end of that line."""
        offset = min(max(offset, 0), len(self.text))
        number = bisect_right(self._starts, offset) - 1
        return Position(line=number, character=self._width_of(number, min(offset, self._ends[number]) - self._starts[number]))

    def span(self, range_: Range, *, field: str = "range") -> tuple[int, int]:
        """The offsets of a range's start and end. Raises `InvalidParams`, naming `field`, if it starts after its end."""
        first, last = range_.start, range_.end
        if (first.line, first.character) > (last.line, last.character):
            raise InvalidParams("The range starts after its end.", fields=[field])
        return self.offset(first), self.offset(last)

    def cut(self, range_: Range, *, field: str = "range") -> tuple[str, Range]:
        """The text of a range, and the range limited to the text."""
        start, end = self.span(range_, field=field)
        return self.text[start:end], Range(start=self.position(start), end=self.position(end))

    def _width_of(self, number: int, size: int) -> int:
        """The width of the first characters of a line. For a long line the width is cached at every `_STEP` characters."""
        if self._plain:
            return size
        start, known, at = self._starts[number], 0, 0
        if size > _STEP:
            marks = self._marks.get(number)
            if marks is None:
                end = self._ends[number]
                widths = (self._width(self.text[at : min(at + _STEP, end)]) for at in range(start, end, _STEP))
                marks = self._marks[number] = [0, *accumulate(widths)]
            at = size // _STEP
            known, at = marks[at], at * _STEP
        return known + self._width(self.text[start + at : start + size])

    def _width(self, text: str) -> int:
        match self.encoding:
            case "utf-8":
                return len(text.encode("utf-8", "surrogatepass"))
            case "utf-16":
                return len(text.encode("utf-16-le", "surrogatepass")) // 2
            case "utf-32":
                return len(text)


def split_lines(text: str) -> list[str]:
    """The lines of a text without their line ends, as LSP counts lines."""
    return _LINE_END.split(text)
