"""An editor that makes the changes of tools, and a workspace with these tools."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from in_process_app import PlainEditor
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.positions import Lines
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.outcome import SETTLING_SECONDS
from sessionls.tools.toolbox import Toolbox, all_tools
from tool_calls import LoneCall

__all__ = ["Place", "WritingEditor", "place"]


class WritingEditor(PlainEditor):
    """An editor that makes the requested changes: in its buffers, or on disk for closed files."""

    def __init__(self, folder: Path) -> None:
        super().__init__([folder.as_uri()])
        self.asked_for: list[tuple[str, DocumentChange, bool]] = []
        self.refuses: str | None = None

    def open(self, path: Path, text: str, version: int = 1) -> None:
        self.buffers[path.as_uri()] = Buffer(path.as_uri(), text, version)

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:
        for change in changes:
            self.asked_for.append((label, change, confirm))
            if self.refuses is not None:
                return EditOutcome(applied=False, reason=self.refuses)
            await asyncio.to_thread(self._make, change)
        return EditOutcome(applied=True)

    def _make(self, change: DocumentChange) -> None:
        path = Path(change.uri.removeprefix("file://"))
        if change.kind == "delete":
            path.unlink()
            return
        if change.kind == "create":
            self.open(path, change.text)
            return
        buffer = self.buffers.get(change.uri)
        text = buffer.text if buffer else path.read_bytes().decode()
        lines = Lines(text, self.encoding)
        for range_, new in reversed(list(change.edits)):
            start, end = lines.span(range_)
            text = text[:start] + new + text[end:]
        if buffer:
            self.open(path, text, (buffer.version or 0) + 1)
        else:
            path.write_bytes(text.encode())


class Place:
    """A workspace folder, an editor, and an agent with its tools in a session."""

    def __init__(self, root: Path, *, confirm: bool = False, settling_seconds: Sequence[float] = SETTLING_SECONDS) -> None:
        self.outside = root
        self.folder = root / "project"
        self.folder.mkdir(exist_ok=True)
        self.editor = WritingEditor(self.folder)
        self.confirm = confirm
        self.settling_seconds = settling_seconds
        self.read_only = False
        self.call = LoneCall()
        self.obeying()

    def obeying(self, *own: Path) -> None:
        """From now on these are the participant's own protected paths."""
        tools = all_tools(
            Workspace(self.editor),
            self.editor,
            confirm=self.confirm,
            protected=own,
            read_only=lambda: self.read_only,
            settling_seconds=self.settling_seconds,
        )
        self.toolbox = Toolbox(tools)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    async def run(self, tool: str, **arguments: Any) -> str:
        (found,) = self.toolbox.offer([tool])
        return await found.run(arguments, self.call)

    async def refused(self, tool: str, **arguments: Any) -> str:
        before = len(self.editor.asked_for)
        with pytest.raises(ToolFailed) as raised:
            await self.run(tool, **arguments)
        assert len(self.editor.asked_for) == before, "the editor was asked all the same"
        assert str(self.outside) not in str(raised.value), "no path of this machine is told"
        return str(raised.value)

    async def edit(self, path: str, *edits: tuple[str, str] | tuple[str, str, bool]) -> str:
        return await self.run("edit_file", path=path, edits=[_edit(*edit) for edit in edits])

    async def edit_refused(self, path: str, *edits: tuple[str, str] | tuple[str, str, bool]) -> str:
        return await self.refused("edit_file", path=path, edits=[_edit(*edit) for edit in edits])

    async def edited(self, before: str, *edits: tuple[str, str] | tuple[str, str, bool]) -> str:
        """The result of edits of a text."""
        path = self.write("text.txt", before)
        await self.run("read_file", path="text.txt")
        await self.edit("text.txt", *edits)
        return path.read_bytes().decode()


def _edit(old: str, new: str, everywhere: bool = False) -> dict[str, Any]:
    return {"old": old, "new": new, "all": everywhere}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
