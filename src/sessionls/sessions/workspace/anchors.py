"""Finds a finding's code again, by the quoted lines and by the lines around them.

The exact lines come first. If the text no longer has them, the same code with other white space is searched for, also with other
line breaks: a formatter does not change code. Of several matches the one whose surroundings agree best is taken, and of those
the nearest to the old position.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sessionls.domain.model import Anchor, Range
from sessionls.sessions.workspace.positions import Encoding, Lines, split_lines

__all__ = ["AROUND", "AnchorIndex", "anchor_of", "locate", "strip_whitespace"]

AROUND = 3
"""How many non-blank lines are kept from before and from after the quoted ones."""

_TRIED = 256  # matches of the same code that are compared, the nearest first
_COMPARED = 100_000  # lines that are compared for one anchor
_NEAR = 3  # lines that code may have moved by if nothing around it is unchanged
_DISTINCTIVE = 24  # characters, without white space, of code that is long enough to be recognised anywhere
_WORD = re.compile(r"\S+")


def strip_whitespace(text: str) -> str:
    """The text without white space, to compare code regardless of its formatting."""
    return "".join(text.split())


def anchor_of(text: str, range_: Range, encoding: Encoding) -> Anchor:
    """The anchor for the code in that range. Raises `InvalidParams` for a range that starts after its end."""
    lines = Lines(text, encoding)
    start, end = lines.span(range_)
    first, last = lines.position(start).line, lines.position(end).line
    ends: int | None = end - lines.start(last)
    if last > first and ends == 0:  # whole lines: the range ends where the next one begins
        last, ends = last - 1, None
    elif ends == len(lines.line(last)):
        ends = None
    return Anchor(
        quote="\n".join(lines.line(number) for number in range(first, last + 1)),
        before="\n".join(reversed(_filled_lines(lines, range(first - 1, -1, -1)))),
        after="\n".join(_filled_lines(lines, range(last + 1, len(lines)))),
        start=start - lines.start(first),
        end=ends,
    )


def locate(text: str, anchor: Anchor, near: Range, encoding: Encoding) -> Range | None:
    """The current range of the code, `near` being the old one; None if it is gone or changed."""
    return AnchorIndex(text, encoding).locate(anchor, near)


def _filled_lines(lines: Lines, numbers: Iterable[int]) -> list[str]:
    """The first few of those lines that are not blank."""
    filled: list[str] = []
    for number in numbers:
        if len(filled) == AROUND:
            break
        if (line := lines.line(number)).strip():
            filled.append(line)
    return filled


@dataclass(frozen=True, slots=True)
class _Match:
    """Lines, both included, and the offsets of the range in the text."""

    first: int
    last: int
    start: int
    end: int


class AnchorIndex:
    """Locates many anchors in one text, best in the order of their lines: its lines are indexed once.

    The next anchor is expected at the same distance as the last one: lines added above move everything equally.
    """

    def __init__(self, text: str, encoding: Encoding) -> None:
        self._lines = Lines(text, encoding)
        self._all = [self._lines.line(number) for number in range(len(self._lines))]
        self._numbers: dict[str, list[int]] = {}
        for number, line in enumerate(self._all):
            self._numbers.setdefault(line, []).append(number)
        self._full = [number for number, line in enumerate(self._all) if line and not line.isspace()]
        self._spaceless: _WithoutSpaces | None = None
        self._bare: dict[int, str] = {}  # lines without white space, computed on demand
        self._shift = 0

    def locate(self, anchor: Anchor, near: Range) -> Range | None:
        """The current range of the code, `near` being the old one; None if it is gone or changed."""
        line = near.start.line + self._shift
        match = self._best(self._exact(anchor, line), anchor, line)
        if match is None:
            match = self._best(self._reformatted(anchor, line), anchor, line)
        if match is None:
            return None
        self._shift = match.first - near.start.line
        return self._range(match.start, match.end)

    def find(self, code: str, line: int | None = None) -> list[Range]:
        """Every occurrence of that code, ignoring white space; with a line, the nearest to it first."""
        bare = self._without_spaces()
        found = [self._range(start, end) for start, end in bare.find(strip_whitespace(code), self._offset(line or 0))]
        return found if line is None else sorted(found, key=lambda match: abs(match.start.line - line))

    # -- candidates --------------------------------------------------------------------------------------------------

    def _exact(self, anchor: Anchor, near: int) -> Iterable[_Match]:
        quoted = split_lines(anchor.quote)
        size = len(quoted)
        known = [self._numbers.get(line) for line in quoted]
        rarest, numbers = min(enumerate(known), key=lambda candidate: len(candidate[1] or ()))
        if numbers is None:
            return
        # Comparing a long quote takes long: fewer of its matches are compared.
        for number in _nearest(numbers, near + rarest, max(_COMPARED // size, 2)):
            first = number - rarest
            if first >= 0 and (size == 1 or self._all[first : first + size] == quoted):
                last = first + size - 1
                start = self._lines.start(first) + min(anchor.start, len(quoted[0]))
                length = len(quoted[-1])
                end = self._lines.start(last) + (length if anchor.end is None else min(anchor.end, length))
                yield _Match(first, last, start, max(start, end))

    def _reformatted(self, anchor: Anchor, near: int) -> Iterable[_Match]:
        """The same code with other white space, from the beginning of a line to the end of one."""
        code = strip_whitespace(anchor.quote)
        if not code:
            return
        bare = self._without_spaces()
        quoted = split_lines(anchor.quote)
        skipped = len(strip_whitespace(quoted[0][: anchor.start]))
        cut = 0 if anchor.end is None else len(strip_whitespace(quoted[-1][anchor.end :]))
        for start, end in bare.find(code, self._offset(near)):
            first, last = self._line_of(start), self._line_of(end)
            line_start, line_end = self._lines.start(first), self._lines.start(last) + len(self._all[last])
            if self._lines.text[line_start:start].strip() or self._lines.text[end:line_end].strip():
                continue
            at = bare.before(start)
            part = bare.span(at + skipped, at + len(code) - cut) if len(code) > skipped + cut else (start, end)
            yield _Match(first, last, *part)

    # -- the best match ----------------------------------------------------------------------------------------------

    def _best(self, matches: Iterable[_Match], anchor: Anchor, near: int) -> _Match | None:
        before = [strip_whitespace(line) for line in reversed(split_lines(anchor.before)) if line.strip()]
        after = [strip_whitespace(line) for line in split_lines(anchor.after) if line.strip()]
        # Lines before the code belong to the same block more often than lines after it.
        perfect = 2 * _agreement(before, before) + _agreement(after, after)
        best: tuple[int, int, _Match] | None = None
        for match in matches:
            agreement = 2 * _agreement(before, self._around(match.first, -1)) + _agreement(after, self._around(match.last, 1))
            ranked = (agreement, -abs(match.first - near), match)
            if best is None or ranked[:2] > best[:2]:
                best = ranked
            if agreement == perfect and perfect:
                break  # they come nearest first
        if best is None:
            return None
        agreement, distance, match = best
        is_certain = agreement > 0 or not perfect or -distance <= _NEAR or len(strip_whitespace(anchor.quote)) >= _DISTINCTIVE
        return match if is_certain else None

    def _around(self, line: int, step: int) -> list[str]:
        """The nearest lines that are not blank, before or after that line, nearest first."""
        if step < 0:
            at = bisect_left(self._full, line)
            numbers = self._full[max(at - AROUND, 0) : at][::-1]
        else:
            at = bisect_right(self._full, line)
            numbers = self._full[at : at + AROUND]
        return [self._bare_line(number) for number in numbers]

    def _bare_line(self, number: int) -> str:
        if (line := self._bare.get(number)) is None:
            line = self._bare[number] = strip_whitespace(self._all[number])
        return line

    # -- offsets -----------------------------------------------------------------------------------------------------

    def _without_spaces(self) -> _WithoutSpaces:
        if self._spaceless is None:
            self._spaceless = _WithoutSpaces(self._lines.text)
        return self._spaceless

    def _offset(self, line: int) -> int:
        return self._lines.start(min(max(line, 0), len(self._lines) - 1))

    def _line_of(self, offset: int) -> int:
        return self._lines.position(offset).line

    def _range(self, start: int, end: int) -> Range:
        return Range(start=self._lines.position(start), end=self._lines.position(end))


class _WithoutSpaces:
    """A text without its white space, and the original offset of each character."""

    def __init__(self, text: str) -> None:
        words = [match.span() for match in _WORD.finditer(text)]
        self._starts = [start for start, _ in words]
        self._at = [0, *accumulate(end - start for start, end in words)]  # offset of each word in the text without white space
        self._text = "".join(text[start:end] for start, end in words)

    def before(self, offset: int) -> int:
        """How many non-blank characters precede that offset, which must be in a word."""
        word = bisect_right(self._starts, offset) - 1
        return self._at[word] + offset - self._starts[word] if word >= 0 else 0

    def find(self, code: str, near: int) -> list[tuple[int, int]]:
        """Start and end in the original text of each occurrence of that code without white space, nearest to `near` first."""
        if not code:
            return []
        word = bisect_left(self._starts, near)
        middle = self._at[min(word, len(self._at) - 1)]
        found: list[int] = []
        at = self._text.find(code, middle)
        while at >= 0 and len(found) < _TRIED // 2:
            found.append(at)
            at = self._text.find(code, at + 1)
        at = self._text.rfind(code, 0, middle + len(code) - 1)
        while at >= 0 and len(found) < _TRIED:
            found.append(at)
            at = self._text.rfind(code, 0, at + len(code) - 1)
        return [self.span(at, at + len(code)) for at in sorted(set(found), key=lambda at: abs(at - middle))]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Start and end in the original text of the characters from `first` up to and excluding `last`."""
        return self._original(first), self._original(last - 1) + 1

    def _original(self, at: int) -> int:
        word = bisect_right(self._at, at) - 1
        return self._starts[word] + at - self._at[word]


def _nearest(numbers: Sequence[int], near: int, most: int) -> Iterable[int]:
    """The (sorted) numbers by their distance from `near`, up to the limit."""
    high = bisect_left(numbers, near)
    low = high - 1
    for _ in range(min(_TRIED, most, len(numbers))):
        if high < len(numbers) and (low < 0 or numbers[high] - near <= near - numbers[low]):
            yield numbers[high]
            high += 1
        else:
            yield numbers[low]
            low -= 1


def _agreement(expected: Sequence[str], actual: Sequence[str]) -> int:
    """How much of the surroundings is unchanged; lines nearer to the code, and lines in their old position, count more."""
    same = sum(2 * (AROUND - index) for index, (one, other) in enumerate(zip(expected, actual, strict=False)) if one == other)
    return same + len(set(expected) & set(actual))
