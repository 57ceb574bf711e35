"""Files that configure sessionls itself: definitions of agents, and programs to start. No agent may write them.

(`AGENTS.md` is not one of them: it grants nothing, and people do ask agents to write it.)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sessionls.agents.sources import AGENT_DIRECTORIES
from sessionls.domain import uris
from sessionls.domain.globs import Globs
from sessionls.sessions.workspace.workspace import ResolvedFile
from sessionls.tools.mcp import FILES
from sessionls.tools.startup_files import uri_key

__all__ = ["is_protected"]

# Also below the open folders: a subfolder may be opened as a workspace folder later.
_NAMES = (".sessionls", *AGENT_DIRECTORIES, *FILES, ".vscode/settings.json")
# Settings of VS Code, which name the server that our extension starts: a workspace's and the person's own, wherever they are.
_SETTINGS = Globs(
    ["*.code-workspace", *(f"**/{folder}/settings.json" for folder in (".vscode", "user", "user/profiles/**", "machine"))]
)


def is_protected(file: ResolvedFile, folders: Sequence[str], own: Sequence[Path]) -> bool:
    """Whether that file is protected, by its name or because a link leads to it from a protected one. Touches the disk.

    `folders` are the URIs of the workspace's; `own` are the participant's own protected files and folders, wherever they are.
    """
    if any(_is_named(name) for name in (file.name, uris.path_of(file.display))):
        return True
    roots = [Path(path) for folder in folders if (path := uris.to_path(folder)) is not None]
    protected = [
        *own,
        *(root / name for root in roots for name in _NAMES),
        *(path for root in roots for path in _workspaces(root)),
    ]
    return any(
        _holds(path, file.path) or _same(path, file.path) or any(_same(link, file.path) for link in _links(path))
        for path in protected
    )


def _is_named(name: str) -> bool:
    plain = uri_key(name)
    return any(f"/{name}/" in f"/{plain}/" for name in _NAMES) or _SETTINGS.match(plain)


def _holds(folder: Path, path: Path) -> bool:
    return f"{_key(path)}{os.sep}".startswith(f"{_key(folder)}{os.sep}")


def _same(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)  # noqa: PTH121  # also one file with two names
    except OSError:
        return _key(path) == _key(other)


def _key(path: Path) -> str:
    return os.path.realpath(path).lower()


def _workspaces(root: Path) -> list[Path]:
    """The workspace files of VS Code at the top of a folder."""
    try:
        return [root / name for name in os.listdir(root) if name.lower().endswith(".code-workspace")]  # noqa: PTH208
    except OSError:
        return []


def _links(folder: Path) -> Iterator[Path]:
    """The links in a folder of definitions: their targets are read."""
    try:
        with os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in entries if entry.is_symlink()]
    except OSError:  # there is none
        return
