"""Finds installed programs on PATH, but never inside the workspace. All functions read the disk."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

__all__ = ["find_git", "find_program", "search_path"]


def find_program(name: str, *, never_in: Sequence[Path] = ()) -> str | None:
    """The absolute path of an installed program: on PATH, else beside this Python.

    Relative entries of PATH, and the current directory on Windows, do not count: they may be in the workspace. Nor do programs
    inside one of `never_in`.
    """
    if Path(name).is_absolute():
        return name if os.access(name, os.X_OK) and _is_outside(Path(name), never_in) else None
    if os.path.dirname(name):  # noqa: PTH120 (a Path forgets a leading ./)
        return None
    for directory in (*_absolute_entries(), sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        # `which` searches for a path with a folder only in that folder, on Windows with each executable suffix.
        program = shutil.which(str(Path(directory, name)))
        if program is not None and _is_outside(Path(program), never_in):
            return program
    return None


def find_git(*, never_in: Sequence[Path] = ()) -> str | None:
    """The program git. On Windows not `git.cmd`: a shell would run it, and to a shell a file's name can be a command."""
    return find_program("git.exe" if os.name == "nt" else "git", never_in=never_in)


def search_path(*, never_in: Sequence[Path] = ()) -> str:
    """PATH without the entries that `find_program` ignores: for programs that start others."""
    return os.pathsep.join(directory for directory in _absolute_entries() if _is_outside(Path(directory), never_in))


def _absolute_entries() -> list[str]:
    return [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry and Path(entry).is_absolute()]


def _is_outside(path: Path, folders: Sequence[Path]) -> bool:
    forms = [Path(os.path.abspath(path)), Path(os.path.realpath(path))]  # noqa: PTH100
    return not any(form.is_relative_to(os.path.realpath(folder)) for folder in folders for form in forms)
