"""A workspace for the tests of tools, with an editor that has open buffers, and a repository in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from sessionls.ports.editor import Buffer
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.toolbox import Toolbox, read_tools
from tool_calls import LoneCall

__all__ = ["CALL", "FakeEditor", "Place", "place", "posix_only", "repository", "tree"]


CALL = LoneCall()
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and pipes")


class FakeEditor:
    encoding: Literal["utf-8", "utf-16", "utf-32"] = "utf-16"

    def __init__(self, *folders: Path) -> None:
        self.folders: Sequence[str] = [folder.as_uri() for folder in folders]
        self.buffers: dict[str, Buffer] = {}

    def buffer(self, uri: str) -> Buffer | None:
        return self.buffers.get(uri)

    def open(self, path: Path, text: str) -> None:
        self.buffers[path.as_uri()] = Buffer(path.as_uri(), text, 1)


class Place:
    """A workspace folder, files outside it, and the tools that read it."""

    def __init__(self, root: Path) -> None:
        self.outside = root
        self.folder = root / "project"
        self.folder.mkdir()
        self.editor = FakeEditor(self.folder)
        self.workspace = Workspace(self.editor)
        self.toolbox = Toolbox(read_tools(self.workspace))

    def write(self, name: str, text: str | bytes = "text\n") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    async def run(self, tool: str, **arguments: Any) -> str:
        (found,) = self.toolbox.offer([tool])
        return await found.run(arguments, CALL)

    async def refused(self, tool: str, **arguments: Any) -> str:
        with pytest.raises(ToolFailed) as raised:
            await self.run(tool, **arguments)
        assert str(self.outside) not in str(raised.value), "no path of this machine is told"
        return str(raised.value)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
        done = subprocess.run(["git", *name, *arguments], cwd=at or self.folder, capture_output=True, check=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--no-verify", "--message", message)
        return self.git("rev-parse", "HEAD")

    def sign(self, revision: str) -> str:
        """Add an invalid signature to the newest commit."""
        signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n"
        head, message = self.git("cat-file", "commit", revision).split("\n\n", 1)
        signed = self.outside / "signed"
        signed.write_text(f"{head}\n{signature}\n{message}\n")
        commit = self.git("hash-object", "-t", "commit", "-w", str(signed))
        self.git("update-ref", "HEAD", commit)
        return commit


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def repository(place: Place) -> Place:
    place.git("init", "--quiet")
    return place


@pytest.fixture(params=["with git", "without git"])
def tree(request: pytest.FixtureRequest, place: Place) -> Place:
    if request.param == "with git":
        place.git("init", "--quiet")
    place.write(".gitignore", "*.log\nbuild/\n!keep.log\n")
    place.write("sub/.gitignore", "local.txt\n")
    names = ("a.py", "sub/b.py", "sub/local.txt", "x.log", "keep.log", "build/out.js", "sub/c.ts", "sub/deep/d.tsx", ".env")
    for name in names:
        place.write(name, f"in {name}\n")
    return place
