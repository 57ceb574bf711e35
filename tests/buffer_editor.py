"""An editor with open buffers, for tests of the workspace."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from sessionls.ports.editor import Buffer
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["FakeEditor", "editor", "folder", "posix", "workspace", "write"]


posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX system")


class FakeEditor:
    encoding: Literal["utf-8", "utf-16", "utf-32"] = "utf-16"

    def __init__(self, *folders: Path) -> None:
        self.open_folders = [folder.as_uri() for folder in folders]
        self.buffers: dict[str, Buffer] = {}

    @property
    def folders(self) -> Sequence[str]:
        return self.open_folders

    def buffer(self, uri: str) -> Buffer | None:
        return self.buffers.get(uri)

    def open(self, uri: str, text: str, version: int = 1, language: str | None = None) -> None:
        self.buffers[uri] = Buffer(uri, text, version, language)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def editor(folder: Path) -> FakeEditor:
    return FakeEditor(folder)


@pytest.fixture
def workspace(editor: FakeEditor) -> Workspace:
    return Workspace(editor)


def write(path: Path, text: str = "text\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path.as_uri()
