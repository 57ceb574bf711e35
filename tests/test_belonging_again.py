"""Where a second session belongs: git is not asked again for what cannot have changed, and what changed is never missed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from in_process_app import PlainEditor
from sessionls.sessions.workspace.git import Git
from sessionls.sessions.workspace.marker import MARKER
from sessionls.sessions.workspace.workspace import Workspace


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "init.defaultBranch=main", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """What git was asked."""
    asked: list[Sequence[str]] = []
    call = Git.__call__

    async def counted(self: Git, folder: str | None, *arguments: str, **options: Any) -> Any:
        asked.append(arguments)
        return await call(self, folder, *arguments, **options)

    monkeypatch.setattr(Git, "__call__", counted)
    return asked


def opened(folder: Path) -> Workspace:
    return Workspace(PlainEditor([folder.as_uri()]))


async def test_a_second_session_asks_git_nothing(tmp_path: Path, asked: list[Sequence[str]]) -> None:
    await asyncio.to_thread(git, tmp_path, "init")
    workspace = opened(tmp_path)
    first = await workspace.identities([tmp_path.as_uri()])
    assert asked
    asked.clear()
    assert await workspace.identities([tmp_path.as_uri()]) == first
    assert asked == []


async def test_a_first_session_asks_git_nothing_where_its_list_was_shown(tmp_path: Path, asked: list[Sequence[str]]) -> None:
    await asyncio.to_thread(git, tmp_path, "init")
    marked = await opened(tmp_path).identities([tmp_path.as_uri()])
    workspace = opened(tmp_path)
    await workspace.scope([tmp_path.as_uri()])
    asked.clear()
    assert await workspace.identities([tmp_path.as_uri()]) == marked
    assert asked == []


async def test_a_list_marks_nothing_and_the_first_session_does(tmp_path: Path) -> None:
    await asyncio.to_thread(git, tmp_path, "init")
    workspace = opened(tmp_path)
    await workspace.scope([tmp_path.as_uri()])
    assert not (tmp_path / ".git" / MARKER).exists()
    [identity] = await workspace.identities([tmp_path.as_uri()])
    assert identity.startswith("marker:")


def _another_repository(folder: Path) -> None:
    shutil.rmtree(folder / ".git")
    git(folder, "init")


def _moved_git_directory(folder: Path) -> None:
    git(folder, "init", "--separate-git-dir", str(folder / "elsewhere"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a remote is added": lambda folder: git(folder, "remote", "add", "origin", "https://example.org/a.git"),
    "it is no repository any more": lambda folder: shutil.rmtree(folder / ".git"),
    "it is another repository": _another_repository,
    "the folder becomes a repository of its own": lambda folder: git(folder / "sub", "init"),
    "the marker is deleted": lambda folder: (folder / ".git" / MARKER).unlink(),
    "the git directory is moved": _moved_git_directory,
}


@pytest.mark.parametrize("what", CHANGES)
async def test_what_changed_since_the_last_session_is_noticed(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "project" / "sub"
    folder.mkdir(parents=True)
    await asyncio.to_thread(git, folder.parent, "init")
    workspace = opened(folder)
    before = await workspace.identities([folder.as_uri()])
    await asyncio.to_thread(CHANGES[what], folder.parent)
    after = await workspace.identities([folder.as_uri()])
    assert after == await opened(folder).identities([folder.as_uri()])
    assert (after == before) == (what == "the git directory is moved")


async def test_a_folder_that_becomes_a_repository_is_marked(tmp_path: Path) -> None:
    workspace = opened(tmp_path)
    assert await workspace.identities([tmp_path.as_uri()]) == []
    await asyncio.to_thread(git, tmp_path, "init")
    [identity] = await workspace.identities([tmp_path.as_uri()])
    assert identity.startswith("marker:")
