"""Lists the files of the workspace: those that git tracks or would add, or without git all except the usual build output."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.globs import Globs, expand_braces
from sessionls.ports.tools import ToolFailed
from sessionls.sessions.workspace.files import read_file
from sessionls.sessions.workspace.git import GitProblem
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["Listing", "glob_filter", "list_workspace"]

COUNT_LIMIT = 100_000
SECONDS = 10.0
_NAMES = 16 << 20  # bytes of names read from git

_BUILD_OUTPUT = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".cache", ".idea"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".gradle", ".terraform", "bower_components"}
)
"""Folders that are not listed without git."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Files by root (real path of a workspace folder) and name (path from there, with `/`), in order; `cut`: there are more.

    Names of secret files are among them: callers check `Workspace.withheld` before they show one. So are a few deleted files.
    """

    files: tuple[tuple[Path, str], ...]
    labels: dict[Path, str]
    cut: bool

    def display(self, root: Path, name: str) -> str:
        """The file's name for people and agents."""
        return uris.printable(f"{self.labels[root]}/{name}" if len(self.labels) > 1 else name)


async def list_workspace(workspace: Workspace, path: str | None) -> Listing:
    """The files of all folders, or below one path. Raises `NotPermitted` for a path outside, `ToolFailed` for a missing one."""
    labels = await asyncio.to_thread(_roots, workspace)
    if not labels:
        raise ToolFailed("No folder is open in the editor.")
    roots, start = list(labels), "."
    if path is not None and path not in ("", "."):
        file = await workspace.resolve(path)
        if not await asyncio.to_thread(file.path.exists):
            raise ToolFailed(f"{path} does not exist in the workspace. List without a path to see all files.")
        roots = [root for root in labels if file.path.is_relative_to(root)]
        start = file.path.relative_to(roots[0]).as_posix()
    files: list[tuple[Path, str]] = []
    cut = False
    for root in roots:
        names, more = await _names(workspace, root, start)
        files += [(root, name) for name in names]
        cut = cut or more
    return Listing(tuple(files[:COUNT_LIMIT]), labels, cut or len(files) > COUNT_LIMIT)


def glob_filter(glob: str) -> Globs:
    """A filter for a glob: as in .gitignore (`*.py` anywhere, `src/*.py` from the top, `**`), and with `{a,b}`.

    Raises `ValueError` for one that is too long or expands to too many.
    """
    patterns = expand_braces(glob.removeprefix("./"))
    return Globs(pattern for pattern in patterns if not pattern.startswith(("!", "#")))


def _roots(workspace: Workspace) -> dict[Path, str]:
    """The outermost folders' real paths, with the labels by which the workspace tells them apart."""
    folders = workspace.folders
    found: dict[Path, str] = {}
    for folder, label in zip(folders, uris.labels(folders), strict=True):
        path = uris.to_path(folder)
        if path is not None and (real := Path(os.path.realpath(path))).is_dir():
            found.setdefault(real, label)
    return {root: label for root, label in found.items() if not any(other in root.parents for other in found)}


async def _names(workspace: Workspace, root: Path, start: str) -> tuple[Sequence[str], bool]:
    try:
        repository = await workspace.repository(str(root))
    except GitProblem:
        return await asyncio.to_thread(_walk, root, start)
    answer = await repository(
        *("ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", f":(literal){start}"),
        seconds=SECONDS,
        limit=_NAMES,
    )
    # An explicitly requested path is listed even if git ignores it.
    if (answer.code != 0 or (start != "." and not answer.output)) and not answer.cut:
        return await asyncio.to_thread(_walk, root, start)
    known = dict.fromkeys(os.fsdecode(name) for name in answer.output.split(b"\0") if name)
    # A nested repository is only listed by name, with a slash (or, as a submodule, like a file).
    return await asyncio.to_thread(_with_inner, root, list(known), answer.cut)


def _with_inner(root: Path, names: list[str], cut: bool) -> tuple[Sequence[str], bool]:
    found: list[str] = []
    for name in names[:COUNT_LIMIT]:
        if name.endswith("/") or ("." not in name.rpartition("/")[2] and _is_folder(root / name)):
            inner, more = _walk(root, name.rstrip("/"))
            found += inner
            cut = cut or more
        else:
            found.append(name)
    return sorted(found), cut or len(names) > COUNT_LIMIT


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _walk(root: Path, start: str) -> tuple[Sequence[str], bool]:
    """The files below `start` in order, without those that a .gitignore excludes."""
    deadline = time.monotonic() + SECONDS

    def late() -> bool:
        return time.monotonic() > deadline

    if (root / start).is_file():
        return [start], False
    found: list[str] = []
    ignores: dict[str, Globs | None] = {}
    for here, folders, files in os.walk(root / start):
        at = Path(here).relative_to(root).as_posix()
        prefix = "" if at == "." else f"{at}/"
        ignores[prefix] = _ignore(root, prefix) if ".gitignore" in files else None
        chain = [(above, spec) for above in _above(prefix) if (spec := ignores.get(above)) is not None]
        # A .gitignore may be of any length, and so may a folder.
        within = [name for name in folders if name not in _BUILD_OUTPUT and not (late() or _ignored(f"{prefix}{name}/", chain))]
        folders[:] = sorted(within)
        found += [f"{prefix}{name}" for name in files if not (late() or _ignored(f"{prefix}{name}", chain))]
        if len(found) > COUNT_LIMIT or late():
            return sorted(found[:COUNT_LIMIT]), True
    return sorted(found), False


def _above(prefix: str) -> list[str]:
    """The folders from this one up to the root, as prefixes: the nearest .gitignore with a matching rule counts."""
    parts = prefix.split("/")[:-1]
    return ["/".join([*parts[:count], ""]) for count in range(len(parts), -1, -1)]


def _ignored(name: str, chain: Sequence[tuple[str, Globs]]) -> bool:
    for prefix, spec in chain:
        verdict = spec.verdict(name.removeprefix(prefix))
        if verdict is not None:
            return verdict
    return False


def _ignore(root: Path, prefix: str) -> Globs | None:
    try:
        text = read_file(root, f"{prefix}.gitignore", what=".gitignore", limit=64 << 10).text
        return Globs(text.splitlines())
    except SessionlsError:  # not a text
        return None
