"""Reads files that may be untrusted. All functions block, so they run in a thread."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sessionls.agents.frontmatter import Broken

__all__ = ["confined", "read_bytes"]


def confined(path: Path, folder: Path | None) -> Path:
    """The real path. Raises `Broken` if it is outside its workspace folder."""
    real = path.resolve(strict=True)
    if folder is not None and not real.is_relative_to(folder.resolve()):
        raise Broken("a link that leads out of the workspace folder is not followed")
    return real


def read_bytes(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a regular file. Raises `Broken` for anything else (a pipe, a device), without waiting for it."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Broken("not a regular file")
        return file.read(limit)
