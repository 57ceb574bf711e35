"""Folders and repositories of a machine, for tests of which sessions belong to them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from in_process_app import PlainEditor
from sessionls.domain.scope import Scope
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.store import SqlStore
from stores import create, url

__all__ = ["Machine", "commit", "git", "machine", "move", "posix", "project", "repository"]


posix = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links and permissions")


def git(folder: Path, *arguments: str) -> str:
    known = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    more = ("-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *known, *more, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, text: str = "one\n") -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    commit(folder, text)
    return folder


def move(folder: Path, to: Path) -> Path:
    return folder.rename(to)


def commit(folder: Path, text: str) -> None:
    (folder / "a.py").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", text.strip())


class Machine:
    """Folders and one database. Each query runs in a new process."""

    def __init__(self, root: Path, store: SqlStore) -> None:
        self.root = root
        self.store = store

    def workspace(self, *folders: Path | str) -> Workspace:
        editor = PlainEditor([folder if isinstance(folder, str) else folder.as_uri() for folder in folders])
        return Workspace(editor, older=self.store.older_places)

    async def begin(self, title: str, *folders: Path | str) -> str:
        """Create a session in those folders."""
        workspace = self.workspace(*folders)
        identities = await workspace.identities(workspace.folders)
        return await create(self.store, title=title, folders=workspace.folders, identities=identities)

    async def scope(self, *folders: Path | str) -> Scope:
        workspace = self.workspace(*folders)
        return await workspace.scope(workspace.folders)

    async def found(self, *folders: Path | str) -> list[str]:
        """The titles of the sessions of those folders, oldest first. All ways to list sessions must agree."""
        scope = await self.scope(*folders)
        sessions, _ = await self.store.sessions(scope=scope, state=None, query=None, limit=50, cursor=None)
        for session in sessions:
            hits, _ = await self.store.sessions(scope=scope, state=None, query=session.title, limit=50, cursor=None)
            assert session.title in {hit.title for hit in hits}
        return [session.title for session in reversed(sessions)]


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with SqlStore(url(tmp_path / "database")) as store:
        yield Machine(tmp_path, store)


@pytest.fixture
async def project(machine: Machine) -> Path:
    """A repository with a session."""
    folder = repository(machine.root / "project")
    await machine.begin("first", folder)
    return folder
