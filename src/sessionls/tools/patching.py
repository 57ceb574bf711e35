"""Exact replacement of text: finds it, computes the new text, and explains why it cannot be found."""

from __future__ import annotations

import difflib
import heapq
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sessionls.domain.model import Range
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.prompt.blocks import numbered
from sessionls.sessions.workspace.diffing import line_end_of, patch
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.tools.base import cut_middle

__all__ = ["Replacement", "patch", "replace", "shown"]

_PATCH = 20_000  # characters of a patch to show
_SHOWN = 10  # occurrences or lines to show
_COMPARED = 20_000  # lines to search for a similar one
_CLOSE = 20  # the most promising of those lines, which are compared by character
_LONG = 200  # characters of a line to compare
_MOST = 500_000  # replacements in one call
_APART = 1_000  # replacements that an editor gets as separate edits; more are combined into one
_LARGEST = 8 << 20  # characters of the new text


@dataclass(frozen=True, slots=True)
class Replacement:
    """The result of a replacement: the `edits` in order, which do not overlap, and the new `text`."""

    edits: tuple[tuple[Range, str], ...]
    text: str
    count: int


def replace(text: str, wanted: Sequence[tuple[str, str, bool]], encoding: Encoding, name: str) -> Replacement:
    """Replace each old text with the new one; the third value of each means to replace all occurrences.

    All old texts are searched in the original `text`. Line ends may differ from those of the document, which keeps its own.
    Raises `ToolFailed` if an old text is missing, occurs more than once, or overlaps another.
    """
    plain = _Plain(text)
    ending = line_end_of(text)
    found: list[tuple[int, int, str]] = []
    for number, (old, new, everywhere) in enumerate(wanted, 1):
        which = f"edits[{number - 1}]" if len(wanted) > 1 else "old"
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")  # noqa: PLW2901
        if not old:
            raise ToolFailed(f"{which}: the text to replace is empty.")
        if old == new:
            raise ToolFailed(f"{which}: old and new are the same.")
        offsets = plain.apart(old) if everywhere else plain.first(old, _SHOWN + 1)
        if not offsets:
            raise ToolFailed(_not_found(plain.text, old, which, name))
        if len(offsets) > 1 and not everywhere:
            raise ToolFailed(_several(plain.text, old, offsets, which, name))
        if len(found) + len(offsets) > _MOST:
            raise ToolFailed(f"{which}: more than {_MOST:,} replacements at once. Replace longer pieces of text.")
        new = new.replace("\n", ending)  # noqa: PLW2901
        found += [(plain.offset(start), plain.offset(start + len(old)), new) for start in offsets]
    found.sort()
    if any(after[0] < before[1] for before, after in pairwise(found)):
        raise ToolFailed("Two of the edits overlap. Combine them, or make them in separate calls.")
    if len(text) + sum(len(new) - (end - start) for start, end, new in found) > _LARGEST:
        raise ToolFailed(f"{name} would have more than {_LARGEST:,} characters. Nothing was changed.")
    pieces: list[str] = []
    at = 0
    for start, end, new in found:
        pieces += (text[at:start], new)
        at = end
    edits = found
    if len(found) > _APART:  # editors are slow with many separate edits
        edits = [(found[0][0], found[-1][1], "".join(pieces[1:]))]
    lines = Lines(text, encoding)
    ranges = tuple((Range(start=lines.position(start), end=lines.position(end)), new) for start, end, new in edits)
    return Replacement(ranges, "".join([*pieces, text[at:]]), len(found))


def shown(whole: str) -> str:
    """A patch to show to a person or an agent. The middle of a long one is left out."""
    return cut_middle(whole, _PATCH)


class _Plain:
    """A text with LF instead of CR LF, and the mapping to offsets of the original text."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        # The positions, in the plain text, of line ends that are CR LF in the original.
        self._longer = [match.start() - index for index, match in enumerate(re.finditer("\r\n", text))]

    def offset(self, plain: int) -> int:
        # A line end that begins exactly here is not counted.
        return plain + bisect_right(self._longer, plain - 1)

    def first(self, old: str, most: int) -> list[int]:
        """The offsets of the first `most` occurrences, including overlapping ones."""
        offsets: list[int] = []
        at = self.text.find(old)
        while at >= 0 and len(offsets) < most:
            offsets.append(at)
            at = self.text.find(old, at + 1)
        return offsets

    def apart(self, old: str) -> list[int]:
        """The offsets of all non-overlapping occurrences."""
        offsets: list[int] = []
        at = self.text.find(old)
        while at >= 0 and len(offsets) <= _MOST:
            offsets.append(at)
            at = self.text.find(old, at + len(old))
        return offsets


def _several(text: str, old: str, offsets: Sequence[int], which: str, name: str) -> str:
    numbers = [text.count("\n", 0, start) + 1 for start in offsets[:_SHOWN]]
    count = len(offsets) if len(offsets) <= _SHOWN else max(text.count(old), len(offsets))
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    return (
        f"{which}: the text occurs {count} times in {name} (lines {', '.join(map(str, numbers))}{more}). "
        "Add surrounding lines until it is unique, or use all=true."
    )


def _not_found(text: str, old: str, which: str, name: str) -> str:
    head = f"{which}: that text is not in {name}. It must match exactly, including whitespace, without line numbers."
    lines, wanted = text.split("\n"), old.strip("\n").split("\n")
    if (same := _but_for_space(lines, wanted)) is not None:
        return f"{head}\nOnly the whitespace differs here:\n{_excerpt(lines, same, len(wanted))}"
    near = _nearest(lines, max(wanted, key=lambda line: len(line.strip())))
    if near is None:
        return f"{head} Read the file again."
    return f"{head}\nThe most similar text is:\n{_excerpt(lines, max(0, near - 2), 5)}"


def _excerpt(lines: Sequence[str], first: int, count: int) -> str:
    shown = range(first, min(len(lines), first + min(count, _SHOWN)))
    return numbered((number, lines[number][:_LONG]) for number in shown)


def _but_for_space(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The index of the wanted lines, ignoring whitespace."""
    flat = ["".join(line.split()) for line in lines]
    sought = ["".join(line.split()) for line in wanted]
    if not any(sought):
        return None
    # Search in one joined text: comparing line by line would be slow for text with many equal lines.
    whole, part = "\n".join(["", *flat, ""]), "\n".join(["", *sought, ""])
    at = whole.find(part)
    return None if at < 0 else whole.count("\n", 0, at)


def _nearest(lines: Sequence[str], wanted: str) -> int | None:
    """The line that is most similar to the wanted one, if any is similar."""
    wanted = wanted[:_LONG].strip()
    candidates = {line[:_LONG].strip(): number for number, line in reversed(list(enumerate(lines[:_COMPARED])))}
    # Comparing lines is slow, so compare only those that have the most pieces in common.
    pieces = _pieces(wanted)
    best = heapq.nlargest(_CLOSE, candidates, key=lambda line: len(pieces & _pieces(line)) / (len(line) + len(wanted) + 1))
    found = difflib.get_close_matches(wanted, best, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def _pieces(line: str) -> set[str]:
    return {line[at : at + 3] for at in range(max(len(line) - 2, 1))}
