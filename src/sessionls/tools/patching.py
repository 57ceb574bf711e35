"""Exact replacement of text: where it is, what the whole becomes, and what to say where it cannot be found."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sessionls.sessions.model import Range
from sessionls.sessions.positions import Encoding, Lines
from sessionls.sessions.rendering import numbered
from sessionls.sessions.tooling import ToolFailed
from sessionls.tools.base import cut_middle

__all__ = ["Replacement", "patch", "replace", "shown", "with_ending"]

_PATCH = 20_000  # characters of a patch that are shown
_SHOWN = 10  # places that are named, or lines that are shown
_COMPARED = 20_000  # lines among which a near one is looked for
_LONG = 300  # characters of a line that are compared


@dataclass(frozen=True, slots=True)
class Replacement:
    """What one call makes of a text: `edits` in order and apart from each other, and the `text` that they lead to."""

    edits: tuple[tuple[Range, str], ...]
    text: str
    count: int


def replace(text: str, wanted: Sequence[tuple[str, str, bool]], encoding: Encoding, name: str) -> Replacement:
    """Replace each old text by its new one; the third of each says that every occurrence is meant.

    All are looked for in `text` as it is. Line ends need not be written as the document has them: it keeps its own. Raises
    `ToolFailed` for an old text that is not there, that is there more than once, or that overlaps another.
    """
    plain = _Plain(text)
    ending = with_ending(text)
    found: list[tuple[int, int, str]] = []
    for number, (old, new, everywhere) in enumerate(wanted, 1):
        which = f"edits[{number - 1}]" if len(wanted) > 1 else "old"
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")  # noqa: PLW2901
        if not old:
            raise ToolFailed(f"{which}: the text to replace is empty.")
        if old == new:
            raise ToolFailed(f"{which}: old and new are the same.")
        places = plain.occurrences(old)
        if not places:
            raise ToolFailed(_not_found(plain.text, old, which, name))
        if len(places) > 1 and not everywhere:
            raise ToolFailed(_several(plain.text, places, which, name))
        if everywhere:
            places = _apart(places, len(old))
        found += [(plain.offset(start), plain.offset(start + len(old)), new.replace("\n", ending)) for start in places]
    found.sort()
    if any(after[0] < before[1] for before, after in pairwise(found)):
        raise ToolFailed("Two of the edits overlap. Join them to one, or make them one call after the other.")
    lines = Lines(text, encoding)
    edits = tuple((Range(start=lines.position(start), end=lines.position(end)), new) for start, end, new in found)
    pieces: list[str] = []
    at = 0
    for start, end, new in found:
        pieces += (text[at:start], new)
        at = end
    return Replacement(edits, "".join([*pieces, text[at:]]), len(found))


def with_ending(text: str) -> str:
    """The line end that most lines of the text have."""
    windows = text.count("\r\n")
    return "\r\n" if windows and windows >= text.count("\n") - windows else "\n"


def patch(name: str, old: str | None, new: str | None) -> str:
    """A unified diff. `old` of None is a file that is not there yet, `new` of None one that goes."""
    before, after = _lines(old or ""), _lines(new or "")
    lines = difflib.unified_diff(
        before, after, "/dev/null" if old is None else f"a/{name}", "/dev/null" if new is None else f"b/{name}"
    )
    # A line that ends without a line end is said to do so, as git does it.
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def shown(whole: str) -> str:
    """A patch for a person or an agent to look at: a long one without its middle."""
    return cut_middle(whole, _PATCH)


def _lines(text: str) -> list[str]:
    return [line for line in re.split(r"(?<=\n)", text.replace("\r\n", "\n")) if line]


class _Plain:
    """A text with LF for every CR LF, and the way back to the offsets of the text itself."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        # Where, in the plain text, a line end is that stands for two characters.
        self._longer = [match.start() - index for index, match in enumerate(re.finditer("\r\n", text))]

    def offset(self, plain: int) -> int:
        # A line end that begins exactly here is not behind us yet.
        return plain + bisect_right(self._longer, plain - 1)

    def occurrences(self, old: str) -> list[int]:
        """Where it begins, overlapping ones too."""
        places: list[int] = []
        at = self.text.find(old)
        while at >= 0:
            places.append(at)
            at = self.text.find(old, at + 1)
        return places


def _apart(places: Sequence[int], length: int) -> list[int]:
    chosen: list[int] = []
    for place in places:
        if not chosen or place >= chosen[-1] + length:
            chosen.append(place)
    return chosen


def _several(text: str, places: Sequence[int], which: str, name: str) -> str:
    numbers = [text.count("\n", 0, place) + 1 for place in places[:_SHOWN]]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return (
        f"{which}: the text is {len(places)} times in {name} (lines {', '.join(map(str, numbers))}{more}). "
        "Add lines around it until it is there only once, or say all=true."
    )


def _not_found(text: str, old: str, which: str, name: str) -> str:
    head = f"{which}: that text is not in {name}. It must be exact, white space included, without line numbers."
    lines, wanted = text.split("\n"), old.strip("\n").split("\n")
    if (same := _but_for_space(lines, wanted)) is not None:
        return f"{head}\nOnly the white space differs here:\n{_excerpt(lines, same, len(wanted))}"
    near = _nearest(lines, max(wanted, key=lambda line: len(line.strip())))
    if near is None:
        return f"{head} Read the file again."
    return f"{head}\nThe nearest is:\n{_excerpt(lines, max(0, near - 2), 5)}"


def _excerpt(lines: Sequence[str], first: int, count: int) -> str:
    shown = range(first, min(len(lines), first + min(count, _SHOWN)))
    return numbered((number, lines[number][:_LONG]) for number in shown)


def _but_for_space(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where the wanted lines are, white space left out of account."""
    flat = ["".join(line.split()) for line in lines]
    sought = ["".join(line.split()) for line in wanted]
    if not any(sought):
        return None
    for first in range(len(flat) - len(sought) + 1):
        if flat[first] == sought[0] and flat[first : first + len(sought)] == sought:
            return first
    return None


def _nearest(lines: Sequence[str], wanted: str) -> int | None:
    """The line most like the wanted one, if any is like it at all."""
    candidates = {line[:_LONG].strip(): number for number, line in reversed(list(enumerate(lines[:_COMPARED])))}
    found = difflib.get_close_matches(wanted[:_LONG].strip(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None
