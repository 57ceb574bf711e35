"""A workspace with an editor, for tests of contexts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from buffer_editor import FakeEditor
from sessionls.domain.model import (
    Context,
    Position,
    Range,
    context_adapter,
)
from sessionls.ports.editor import Buffer
from sessionls.sessions.context.resolver import resolve
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["FakeEditor", "Place", "diagnostic", "place", "span"]


class Place:
    """A workspace of one folder, and the editor on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.editor = FakeEditor(folder)
        self.workspace = Workspace(self.editor)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path.as_uri()

    def open(self, name: str, text: str, version: int = 3) -> str:
        uri = (self.folder / name).as_uri()
        self.editor.buffers[uri] = Buffer(uri, text, version, "python")
        return uri

    async def resolve(self, *contexts: Context, **options: Any) -> list[Context]:
        stored = await resolve(contexts, self.workspace, self.editor, **options)
        for context in stored:  # the stored form can be read again
            assert context_adapter.validate_json(context.model_dump_json(by_alias=True, exclude_none=True)) == context
        return stored

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "project").mkdir()
    return Place(tmp_path / "project")


def span(start_line: int, start: int, end_line: int, end: int) -> Range:
    return Range(start=Position(line=start_line, character=start), end=Position(line=end_line, character=end))


def diagnostic(line: int, message: str, **more: Any) -> dict[str, Any]:
    return {"range": span(line, 0, line, 3).wire(), "message": message, **more}
