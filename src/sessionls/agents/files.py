"""Reads files that may be untrusted. All functions block, so they run in a thread."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sessionls.agents.frontmatter import InvalidDefinition

__all__ = ["read_bytes", "resolve_inside"]


def resolve_inside(path: Path, folder: Path | None) -> Path:
    """The real path of a file. Raises `InvalidDefinition` if it is outside `folder`."""
    real = path.resolve(strict=True)
    if folder is not None and not real.is_relative_to(folder.resolve()):
        raise InvalidDefinition("a link that leads out of the workspace folder is not followed")
    return real


def read_bytes(path: Path, limit: int) -> bytes:
    """Reads at most `limit` bytes of a regular file.

    Raises `InvalidDefinition` for anything else (a pipe, a device), without waiting for it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidDefinition("not a regular file")
        return file.read(limit)
