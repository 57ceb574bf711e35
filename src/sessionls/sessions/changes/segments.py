"""Finds the hunks of a file's changes in its current text, and computes the text without them.

Edits between which nobody else changed the file are one segment. Whether a text still has a hunk is never stored: it
is read from the current text, so the result is correct whoever changed the file, with whatever program.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sessionls.sessions.changes.kept import EditTexts
from sessionls.sessions.workspace.diffing import Change, changes, line_end_of, split_lines

__all__ = ["HunkState", "LaterChange", "LocatedHunk", "PatchSegment", "Segment", "TextSegment"]

HunkState = Literal["applied", "reverted", "overwritten"]


@dataclass(frozen=True, slots=True)
class LocatedHunk:
    """One hunk: its number in its segment, the lines that it removed and added, whether a text has it, and at which line."""

    index: int
    state: HunkState
    old: Sequence[str]
    new: Sequence[str]
    line: int | None = None


class LaterChange(Exception):
    """A hunk cannot be reverted because somebody changed the same lines later. `later` are two texts: the file as the agent wrote
    it, and the current one.
    """

    def __init__(self, hunk: LocatedHunk, later: tuple[str, str | None] | None = None) -> None:
        super().__init__("somebody changed the same lines later")
        self.hunk = hunk
        self.later = later


class Segment(Protocol):
    """Consecutive edits of a file. `seqs` are the numbers of their first and last event, `message_ids` identify their replies."""

    @property
    def seqs(self) -> tuple[int, int]: ...
    @property
    def message_ids(self) -> Sequence[str]: ...

    def locate(self, text: str | None) -> list[LocatedHunk]:
        """Every hunk with its location in the file's text."""
        ...

    def without(self, text: str | None, hunks: Collection[int] | None = None) -> str | None:
        """The text without these hunks (None: all). Ignores hunks that the text does not have. Raises `LaterChange`."""
        ...


@dataclass(frozen=True, slots=True)
class TextSegment:
    """A segment with both texts. `texts.before` is None if the file was created, `texts.after` if it was deleted."""

    texts: EditTexts
    seqs: tuple[int, int]
    message_ids: Sequence[str]

    @property
    def is_whole_file(self) -> bool:
        """Whether the file was created or deleted, which makes one hunk."""
        return self.texts.before is None or self.texts.after is None

    def locate(self, text: str | None) -> list[LocatedHunk]:
        return self._locate(text)[0]

    def _locate(self, text: str | None) -> tuple[list[LocatedHunk], str | None]:
        """The hunks, and the line end to which an editor has converted all others since, if any."""
        before, after = self.texts.before, self.texts.after
        if before is None or after is None:
            old, new = split_lines(before or ""), split_lines(after or "")
            state: HunkState = "applied" if _same_text(text, after) else "reverted" if _same_text(text, before) else "overwritten"
            return [LocatedHunk(0, state, old, new, 0 if state == "applied" and text is not None else None)], None
        exact = _locate_hunks(before, after, text, None)
        lost = _count_overwritten(exact)
        end = None if text is None or not lost else _line_end(after, text)
        if end is not None and _count_overwritten(adapted := _locate_hunks(before, after, text, end)) < lost:
            return adapted, end
        return exact, None

    def without(self, text: str | None, hunks: Collection[int] | None = None) -> str | None:
        located, end = self._locate(text)
        applied = _applied_hunks(located, hunks, (self.texts.after or "", text))
        if self.is_whole_file or text is None:
            return self.texts.before if applied else text
        return _replace_hunks(text, applied, end)


@dataclass(frozen=True, slots=True)
class PatchSegment:
    """An edit with only a patch in the log. A hunk is found by its lines and their context, if these occur exactly once."""

    patch: str
    seqs: tuple[int, int]
    message_ids: Sequence[str]

    def locate(self, text: str | None) -> list[LocatedHunk]:
        created, deleted = self.patch.startswith("--- /dev/null\n"), "\n+++ /dev/null\n" in self.patch
        located: list[LocatedHunk] = []
        for old, new in _blocks(self.patch):
            state: HunkState = "overwritten"
            line = None
            if created or deleted:
                after, before = ("".join(new), None) if created else (None, "".join(old))
                current = None if text is None else text.replace("\r\n", "\n")
                state = "applied" if current == after else "reverted" if current == before else "overwritten"
            elif text is not None:
                now_lines = split_lines(text.replace("\r\n", "\n"))
                if (line := _only_occurrence(now_lines, new)) is not None:
                    state = "applied"
                elif _only_occurrence(now_lines, old) is not None:
                    state = "reverted"
            for a, b, c, d in changes(old, new):  # (keeps the context lines)
                located.append(LocatedHunk(len(located), state, old[a:b], new[c:d], None if line is None else line + c))
        return located

    def without(self, text: str | None, hunks: Collection[int] | None = None) -> str | None:
        applied = _applied_hunks(self.locate(text), hunks, None)
        if self.patch.startswith("--- /dev/null\n") and applied:
            return None
        if text is None:
            return "".join(line for hunk in applied for line in hunk.old) if applied else None
        return _replace_hunks(text, applied, line_end_of(text))


def _locate_hunks(before: str, after: str, text: str | None, end: str | None) -> list[LocatedHunk]:
    """Every hunk with its location in the text. With `end`, both texts are converted to that line end."""
    old, new = split_lines(before), split_lines(after)
    hunks = changes(old, new)
    if text is None:
        return [LocatedHunk(index, "overwritten", old[a:b], new[c:d]) for index, (a, b, c, d) in enumerate(hunks)]
    now = split_lines(text)
    since_after = changes(split_lines(_with_end(after, end)), now)
    since_before = changes(split_lines(_with_end(before, end)), now)
    located = []
    for index, (a, b, c, d) in enumerate(hunks):
        line = _moved_start(c, d, since_after)
        undone = _moved_start(a, b, since_before) is not None
        state: HunkState = "applied" if line is not None else "reverted" if undone else "overwritten"
        located.append(LocatedHunk(index, state, old[a:b], new[c:d], line))
    return located


def _count_overwritten(located: Sequence[LocatedHunk]) -> int:
    return sum(hunk.state == "overwritten" for hunk in located)


def _applied_hunks(
    located: Sequence[LocatedHunk], hunks: Collection[int] | None, later: tuple[str, str | None] | None
) -> list[LocatedHunk]:
    """The hunks that the text has. Raises `LaterChange` for one that somebody changed."""
    selected = [hunk for hunk in located if hunks is None or hunk.index in hunks]
    for hunk in selected:
        if hunk.state == "overwritten":
            raise LaterChange(hunk, later)
    return [hunk for hunk in selected if hunk.state == "applied"]


def _same_text(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.replace("\r\n", "\n") == other.replace("\r\n", "\n")


def _ends(text: str) -> set[str]:
    windows, all_ends = text.count("\r\n"), text.count("\n")
    return ({"\r\n"} if windows else set()) | ({"\n"} if all_ends > windows else set())


def _line_end(after: str, now: str) -> str | None:
    """The only line end of `now` if `after` had others, because an editor converted them."""
    old, new = _ends(after), _ends(now)
    return next(iter(new)) if old and len(new) == 1 and old != new else None


def _with_end(text: str, end: str | None) -> str:
    return text if end is None else text.replace("\r\n", "\n").replace("\n", end)


def _replace_hunks(text: str, applied: Sequence[LocatedHunk], end: str | None) -> str:
    lines = split_lines(text)
    for hunk in reversed(applied):
        assert hunk.line is not None
        lines[hunk.line : hunk.line + len(hunk.new)] = [_with_end(line, end) for line in hunk.old]
    return "".join(lines)


def _moved_start(start: int, end: int, since: Sequence[Change]) -> int | None:
    """The position of lines [start, end) after these changes, None if one of them affects the lines."""
    shift = 0
    for a, b, c, d in since:
        if a <= end and b >= start:
            return None
        if b < start:
            shift += (d - c) - (b - a)
    return start + shift


def _blocks(patch: str) -> Iterator[tuple[list[str], list[str]]]:
    """The old and the new lines of each hunk, including context lines."""
    old: list[str] = []
    new: list[str] = []
    started, last = False, ""
    for line in split_lines(patch):
        if line.startswith("@@ "):
            if started:
                yield old, new
            old, new, started = [], [], True
        elif started and line.startswith("\\"):  # the previous line has no line end
            for lines, marks in ((old, " -"), (new, " +")):
                if lines and last[0] in marks:
                    lines[-1] = lines[-1].removesuffix("\n")
        elif started:
            if line[0] in " -":
                old.append(line[1:])
            if line[0] in " +":
                new.append(line[1:])
            last = line
    if started:
        yield old, new


def _only_occurrence(lines: Sequence[str], block: Sequence[str]) -> int | None:
    """The line at which the block begins, None unless it occurs exactly once."""
    if not block:
        return None
    text, part = "\0".join(["", *lines, ""]), "\0".join(["", *block, ""])
    at = text.find(part)
    if at < 0 or text.find(part, at + 1) >= 0:
        return None
    return text.count("\0", 0, at)
