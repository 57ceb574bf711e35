"""Locating the findings of a long file again after an edit. Baseline: a plain search of the text for each quote."""

from __future__ import annotations

import time

from bench import Bench
from sessionls.domain.model import Anchor, Position, Range
from sessionls.sessions.workspace.anchors import AnchorIndex, anchor_of
from sessionls.sessions.workspace.positions import Encoding, Lines
from table import Row

__all__ = ["anchoring"]

_ENCODING: Encoding = "utf-16"  # what most editors count in
_FUNCTION = """\
def check_{n}(values):
    \"\"\"Say which values are too large for number {n}.\"\"\"
    found = []
    for value in values:
        if value is None:
            continue
        if value > {n}:
            found.append(value)
    return found

"""
_FIRST, _LAST = 6, 7  # lines of a function that its finding is about; the two together occur once in the file
_ADDED = "import logging\n\nlog = logging.getLogger(__name__)\n\n\n"


async def anchoring(bench: Bench) -> list[Row]:
    """A finding in each function of ten lines. The edit inserts lines above the first, which moves all of them."""
    count = 100 if bench.quick else 1000
    text = "".join(_FUNCTION.format(n=n) for n in range(count))
    size = len(_FUNCTION.splitlines())
    end = len(_FUNCTION.splitlines()[_LAST])
    old = [_range(n * size + _FIRST, n * size + _LAST, end) for n in range(count)]
    anchors = [anchor_of(text, place, _ENCODING) for place in old]
    edited = _ADDED + text
    by = _ADDED.count("\n")
    moved = [_range(place.start.line + by, place.end.line + by, end) for place in old]
    lines = Lines(edited, _ENCODING)
    starts = [lines.start(place.start.line) for place in moved]
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(bench.times(30, 3)):
        began = time.perf_counter()
        found = _located(edited, anchors, old)
        ours.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        offsets = [edited.find(anchor.quote) for anchor in anchors]
        bare.append((time.perf_counter() - began) * 1000)
        if found != moved or offsets != starts:
            raise RuntimeError("not all findings were located correctly")
    what = f"{count:,} findings of a file of {count * size:,} lines located again, all moved"
    return [Row(what, "ms", ours, bare, "`str.find` of each quote")]


def _located(text: str, anchors: list[Anchor], near: list[Range]) -> list[Range | None]:
    """Locate the anchors as the server does after an edit: index the lines, then search for each anchor."""
    index = AnchorIndex(text, _ENCODING)
    return [index.locate(anchor, place) for anchor, place in zip(anchors, near, strict=True)]


def _range(first: int, last: int, end: int) -> Range:
    return Range(start=Position(line=first, character=8), end=Position(line=last, character=end))
