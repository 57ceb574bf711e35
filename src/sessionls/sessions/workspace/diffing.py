"""A unified diff of two texts, in bounded time whatever the texts are.

`difflib` takes time that grows with the square of the lines, and more. Here lines that occur once in both texts are
matched first (as in a patience diff, in n·log n), and only the lines between those are compared step by step, within a budget
for the whole diff. When that runs out, the rest is shown as removed and added: a longer diff than necessary, but a correct one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

__all__ = ["Change", "changes", "line_end_of", "patch", "split_lines", "unified"]

_AFTER_END = re.compile(r"(?<=\n)")
_CONTEXT = 3
_BUDGET = 1_000_000  # steps of comparing; about a second

Change = tuple[int, int, int, int]
"""Lines `[a, b)` of the old text become lines `[c, d)` of the new one."""


def split_lines(text: str) -> list[str]:
    """The lines with their line ends, each LF or CRLF."""
    return [line for line in _AFTER_END.split(text) if line]


def line_end_of(text: str) -> str:
    """The line end that most lines of the text have."""
    windows = text.count("\r\n")
    return "\r\n" if windows and windows >= text.count("\n") - windows else "\n"


def patch(name: str, old: str | None, new: str | None) -> str:
    """A unified diff. If `old` is None, the file is created; if `new` is None, it is deleted."""
    before, after = (split_lines((text or "").replace("\r\n", "\n")) for text in (old, new))
    lines = unified(before, after, "/dev/null" if old is None else f"a/{name}", "/dev/null" if new is None else f"b/{name}")
    # A missing line end is marked in the same way as in git.
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def unified(old: Sequence[str], new: Sequence[str], old_name: str, new_name: str) -> Iterator[str]:
    """The lines of a unified diff, with the line ends of the texts. Empty if the texts are equal."""
    hunks = _hunks(changes(old, new))
    if hunks:
        yield f"--- {old_name}\n"
        yield f"+++ {new_name}\n"
    for hunk in hunks:
        first, last = hunk[0], hunk[-1]
        a, b = max(first[0] - _CONTEXT, 0), min(last[1] + _CONTEXT, len(old))
        c, d = max(first[2] - _CONTEXT, 0), min(last[3] + _CONTEXT, len(new))
        yield f"@@ -{_range(a, b)} +{_range(c, d)} @@\n"
        at = a
        for start, end, into, until in hunk:
            yield from (f" {line}" for line in old[at:start])
            yield from (f"-{line}" for line in old[start:end])
            yield from (f"+{line}" for line in new[into:until])
            at = end
        yield from (f" {line}" for line in old[at:b])


def changes(old: Sequence[str], new: Sequence[str], budget: int = _BUDGET) -> list[Change]:
    """The changes from the old lines to the new ones, in order; at least one unchanged line separates two changes."""
    found: list[Change] = []
    left = budget + 4 * (len(old) + len(new))
    todo = [(0, len(old), 0, len(new))]
    while todo:
        a, b, c, d = _trim_equal_ends(old, new, *todo.pop())
        if a == b or c == d:
            if a < b or c < d:
                found.append((a, b, c, d))
            continue
        left -= b - a + d - c
        ties = _unique_lines(old, new, a, b, c, d) if left > 0 else []
        if not ties:
            steps, spent = _shortest_edits(old, new, a, b, c, d, left)
            left -= spent
            found += steps
            continue
        ends = [*ties, (b, d)]
        starts = [(a, c), *((i + 1, j + 1) for i, j in ties)]
        todo += [(i, k, j, m) for (i, j), (k, m) in zip(starts, ends, strict=True) if i < k or j < m]
    return _join_adjacent(sorted(found))


def _trim_equal_ends(old: Sequence[str], new: Sequence[str], a: int, b: int, c: int, d: int) -> Change:
    """The change without the lines that are equal at its beginning and its end."""
    while a < b and c < d and old[a] == new[c]:
        a, c = a + 1, c + 1
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
    return a, b, c, d


def _unique_lines(old: Sequence[str], new: Sequence[str], a: int, b: int, c: int, d: int) -> list[tuple[int, int]]:
    """The lines that occur once in each text: as many as are in the same order in both."""
    once_old, once_new = Counter(old[a:b]), Counter(new[c:d])
    where = {line: j for j, line in enumerate(new[c:d], c) if once_new[line] == 1}
    pairs = [(i, where[line]) for i, line in enumerate(old[a:b], a) if once_old[line] == 1 and line in where]
    # The longest increasing subsequence of the new numbers.
    tops: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(tops, j)
        before.append(last[at - 1] if at else -1)
        if at == len(tops):
            tops.append(j)
            last.append(number)
        else:
            tops[at], last[at] = j, number
    chosen: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]


def _shortest_edits(
    old: Sequence[str], new: Sequence[str], a: int, b: int, c: int, d: int, budget: int
) -> tuple[list[Change], int]:
    """The shortest edit script (Myers' greedy algorithm), and its cost; one single change if that costs too much."""
    rows, columns = b - a, d - c
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    spent = 0
    for depth in range(rows + columns + 1):
        spent += 2 * depth + 1  # one step for each diagonal, and one to record it
        if spent > budget:
            return [(a, b, c, d)], spent
        trace.append({k: furthest[k] for k in range(-depth - 1, depth + 2) if k in furthest})
        for k in range(-depth, depth + 1, 2):
            down = k == -depth or (k != depth and furthest[k - 1] < furthest[k + 1])
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            y = x - k
            while x < rows and y < columns and old[a + x] == new[c + y]:
                x, y = x + 1, y + 1
                spent += 1
            furthest[k] = x
            if x >= rows and y >= columns:
                return _trace_back(trace, a, c, rows, columns), spent
    raise AssertionError("one text leads to the other in as many steps as both have lines")


def _trace_back(trace: Sequence[dict[int, int]], a: int, c: int, x: int, y: int) -> list[Change]:
    steps: list[Change] = []
    for depth in range(len(trace) - 1, 0, -1):
        furthest = trace[depth]
        k = x - y
        down = k == -depth or (k != depth and furthest[k - 1] < furthest[k + 1])
        x = furthest[k + 1] if down else furthest[k - 1]
        y = x - (k + 1 if down else k - 1)
        steps.append((a + x, a + x, c + y, c + y + 1) if down else (a + x, a + x + 1, c + y, c + y))
    return steps


def _join_adjacent(steps: Sequence[Change]) -> list[Change]:
    """Join changes with nothing between them."""
    found: list[Change] = []
    for a, b, c, d in steps:
        if found and found[-1][1] == a and found[-1][3] == c:
            found[-1] = (found[-1][0], b, found[-1][2], d)
        else:
            found.append((a, b, c, d))
    return found


def _hunks(found: Sequence[Change]) -> list[list[Change]]:
    """Group changes whose contexts touch into one hunk."""
    hunks: list[list[Change]] = []
    for change in found:
        if hunks and change[0] - hunks[-1][-1][1] <= 2 * _CONTEXT:
            hunks[-1].append(change)
        else:
            hunks.append([change])
    return hunks


def _range(start: int, end: int) -> str:
    """A range for a hunk header: from 1; an empty range names the line before it."""
    count = end - start
    return str(start + 1) if count == 1 else f"{start + 1 if count else start},{count}"
