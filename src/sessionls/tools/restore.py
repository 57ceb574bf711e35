"""Writes files for a person who reverts changes by agents: through the editor, or on disk if it cannot."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted
from sessionls.domain.model import Range
from sessionls.ports.editor import DocumentChange, Editor
from sessionls.ports.files import FileWrite, WrittenFile
from sessionls.sessions.workspace.diffing import changes, split_lines
from sessionls.sessions.workspace.file_edits import write_changes
from sessionls.sessions.workspace.positions import Encoding, Lines
from sessionls.sessions.workspace.workspace import Document, ResolvedFile, Workspace
from sessionls.tools.outcome import LARGEST_EDITED, SETTLING_SECONDS, resulting_text
from sessionls.tools.protected_paths import is_protected
from sessionls.tools.saving import Saving

__all__ = ["Restorer"]

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class _Plan:
    file: FileWrite
    change: DocumentChange
    open: bool
    unsaved: bool


class Restorer:
    """The port `FileWriter`. `protected` and `read_only` restrict it like the tools of agents."""

    def __init__(
        self,
        workspace: Workspace,
        editor: Editor,
        saving: Saving,
        *,
        protected: Sequence[Path] = (),
        read_only: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workspace = workspace
        self._editor = editor
        self._saving = saving
        self._protected = protected
        self._read_only = read_only

    async def write(self, label: str, files: Sequence[FileWrite]) -> Sequence[WrittenFile]:
        plans = [await self._plan(file) for file in files]
        if self._read_only():
            raise NotPermitted("Files are read-only here. Nothing was changed.", hint="Turn read-only off first.")
        problem = await self._apply(label, plans)
        written = [await self._written(plan, problem) for plan in plans]
        if problem is not None and all(change.problem is not None for change in written):
            raise NotPermitted(f"The editor did not make the change: {problem}", hint="Nothing was changed. Check the files.")
        return written

    async def _plan(self, file: FileWrite) -> _Plan:
        resolved = await self._workspace.resolve(file.uri)
        if await asyncio.to_thread(is_protected, resolved, self._workspace.folders, self._protected):
            raise NotPermitted(
                f"{resolved.display} controls which agents and programs run here, so only people may change it.",
                hint="Change it by hand.",
            )
        document = await self._document(resolved)
        if (None if document is None else document.text) != file.expected:
            raise NotPermitted(f"{resolved.display} has changed. Nothing was written.", hint="Check the file, and try again.")
        if document is None:
            change = DocumentChange(resolved.uri, kind="create", text=(_BOM if file.bom else "") + (file.text or ""))
            return _Plan(file, change, open=False, unsaved=False)
        unsaved = document.buffer and document.dirty and not self._saving.left(document.uri, document.sha256)
        if file.text is None:
            change = DocumentChange(document.uri, kind="delete", sha256=document.sha256)
        else:
            edits = await asyncio.to_thread(_edits, document.text, file.text, self._editor.encoding)
            change = DocumentChange(document.uri, version=document.version, edits=edits, sha256=document.sha256)
        return _Plan(file, change, open=document.buffer, unsaved=unsaved)

    async def _document(self, resolved: ResolvedFile) -> Document | None:
        try:
            document = await self._workspace.read(resolved.uri, limit=LARGEST_EDITED)
        except InvalidParams:
            if await asyncio.to_thread(os.path.lexists, resolved.path):
                raise
            return None
        if document.notice is not None:
            raise NotPermitted(f"{resolved.display} is too large to be changed here.", hint="Change it by hand.")
        return document

    async def _apply(self, label: str, plans: Sequence[_Plan]) -> str | None:
        """The reason if not everything was done."""
        outcome = await self._editor.apply(label, [plan.change for plan in plans])
        if outcome.applied:
            return None
        on_disk = [plan.change for plan in plans if not plan.open]
        if not on_disk:
            return outcome.reason or "it gave no reason."
        # Open documents come first, because the editor may refuse. Other files do not need the editor.
        in_editor = [plan.change for plan in plans if plan.open]
        if in_editor:
            outcome = await self._editor.apply(label, in_editor)
            if not outcome.applied:
                return outcome.reason or "it gave no reason."
        folders = [Path(path) for uri in self._workspace.folders if (path := uris.to_path(uri)) is not None]
        outcome = await asyncio.shield(asyncio.to_thread(write_changes, folders, on_disk, self._editor.encoding))
        return None if outcome.applied else outcome.reason or "it gave no reason."

    async def _written(self, plan: _Plan, problem: str | None) -> WrittenFile:
        uri, file = plan.change.uri, plan.file
        if file.text is None:
            gone = not await asyncio.to_thread(_is_there, uri)
            return WrittenFile(uri, None, None if gone or problem is None else problem)
        made = await resulting_text(self._workspace, uri, file.text, SETTLING_SECONDS if problem is None else (0.0,))
        if made is None or made == file.expected:
            return WrittenFile(uri, file.expected, problem or "it reported success, but the text is unchanged.")
        saved = not plan.unsaved and await self._saving.edited(uri, made)
        if saved:  # saving may have run a formatter
            made = await resulting_text(self._workspace, uri, made, (0.0,)) or made
        return WrittenFile(uri, made, saved=saved)


def _is_there(uri: str) -> bool:
    path = uris.to_path(uri)
    return path is not None and os.path.lexists(path)


def _edits(old: str, new: str, encoding: Encoding) -> tuple[tuple[Range, str], ...]:
    """One edit for each block of changed lines, so that marks and cursors in unchanged lines keep their positions."""
    before, after = split_lines(old), split_lines(new)
    offsets = [0]
    for line in before:
        offsets.append(offsets[-1] + len(line))
    lines = Lines(old, encoding)
    return tuple(
        (Range(start=lines.position(offsets[a]), end=lines.position(offsets[b])), "".join(after[c:d]))
        for a, b, c, d in changes(before, after)
    )
