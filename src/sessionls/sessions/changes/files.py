"""The changes of each file, collected from events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sessionls.domain import uris
from sessionls.domain.events import Edited, RevertedFile
from sessionls.sessions.changes.kept import EditTexts, unpack
from sessionls.sessions.changes.segments import LocatedHunk, PatchSegment, Segment, TextSegment

__all__ = ["ChangedFile", "Edit", "changed_files", "edit_of", "edits_of_revert", "hunk_id"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file. `texts` and `patch` are in the form of the log."""

    uri: str
    seq: int
    message_id: str | None = None
    texts: EditTexts | None = None
    patch: str | None = None


def edit_of(event: Edited) -> Edit:
    return Edit(event.uri, event.seq, event.message_id, unpack(event.kept) if event.kept else None, event.patch)


def edits_of_revert(files: Iterable[RevertedFile], seq: int) -> list[Edit]:
    return [Edit(file.uri, seq, None, unpack(file.kept) if file.kept else None, file.patch) for file in files]


@dataclass(slots=True)
class ChangedFile:
    """The changes of one file, oldest first. `lost`: the log has neither texts nor a patch of one of them."""

    uri: str
    segments: list[Segment] = field(default_factory=list)
    lost: bool = False

    @property
    def kind(self) -> str:
        """The effect of all changes together."""
        first, last = self.segments[0] if self.segments else None, self.segments[-1] if self.segments else None
        if isinstance(first, TextSegment) and first.texts.before is None:
            return "created"
        if isinstance(last, TextSegment) and last.texts.after is None:
            return "deleted"
        if isinstance(first, PatchSegment) and first.patch.startswith("--- /dev/null\n"):
            return "created"
        return "deleted" if isinstance(last, PatchSegment) and "\n+++ /dev/null\n" in last.patch else "edited"

    def locate(self, text: str | None) -> tuple[list[tuple[Segment, LocatedHunk]], str | None]:
        """Every hunk with its location in the text, and the text without the hunks that it still has."""
        located: list[tuple[Segment, LocatedHunk]] = []
        for segment in reversed(self.segments):  # each in the text without the newer ones
            hunks = segment.locate(text)
            located = [*((segment, hunk) for hunk in hunks), *located]
            text = segment.without(text, {hunk.index for hunk in hunks if hunk.state != "overwritten"})
        return located, text

    def without(self, text: str | None, hunk: str | None = None) -> str | None:
        """The text without all hunks, or without that one. Raises `LaterChange`, and `KeyError` for an unknown hunk."""
        if hunk is None:
            for segment in reversed(self.segments):
                text = segment.without(text)
            return text
        for segment in self.segments:
            for located in segment.locate(text):
                if hunk_id(segment, located) == hunk:
                    return segment.without(text, {located.index})
        raise KeyError(hunk)

    @property
    def bom(self) -> bool:
        return any(isinstance(segment, TextSegment) and segment.texts.bom for segment in self.segments)


def hunk_id(segment: Segment, hunk: LocatedHunk) -> str:
    """An id that stays the same until the segment has further edits."""
    first, last = segment.seqs
    return f"{first}-{last}.{hunk.index}"


def changed_files(edits: Iterable[Edit]) -> list[ChangedFile]:
    """The files with their remaining changes, in the order of their first change."""
    files: dict[str, ChangedFile] = {}
    for edit in edits:
        file = files.setdefault(uris.uri_key(edit.uri), ChangedFile(edit.uri))
        file.uri = edit.uri
        _add(file, edit)
    for file in files.values():
        file.segments = [
            segment
            for segment in file.segments
            if not (isinstance(segment, TextSegment) and segment.texts.before == segment.texts.after)
        ]
    return [file for file in files.values() if file.segments or file.lost]


def _add(file: ChangedFile, edit: Edit) -> None:
    message_ids: Sequence[str] = [edit.message_id] if edit.message_id is not None else []
    if edit.texts is None:
        if edit.patch is None:
            file.lost = True
        else:
            file.segments.append(PatchSegment(edit.patch, (edit.seq, edit.seq), message_ids))
        return
    last = file.segments[-1] if file.segments else None
    if isinstance(last, TextSegment) and last.texts.after == edit.texts.before:
        texts = EditTexts(last.texts.before, edit.texts.after, last.texts.bom or edit.texts.bom)
        together = list(dict.fromkeys([*last.message_ids, *message_ids]))
        file.segments[-1] = TextSegment(texts, (last.seqs[0], edit.seq), together)
    else:
        file.segments.append(TextSegment(edit.texts, (edit.seq, edit.seq), message_ids))
