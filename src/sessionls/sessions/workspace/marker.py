"""The marker that identifies a repository: a small file in git's own data, never in the work tree.

The first session in a repository writes it into the git directory that all worktrees share. It moves with the repository, and
stays whatever happens to commits, branches and remotes. It contains a random id and where the repository was: nothing else reads
it, and nothing is ever started because of it. All of this touches the disk.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MARKER", "Marker", "ensure_marker", "read_marker"]

MARKER = "sessionls.json"
_LARGEST = 1 << 16  # bytes
_EARLIER = 20  # former locations that are kept
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Marker:
    """`at` is the git directory (a path) in which it was written, `earlier` are its former ones, newest first."""

    id: str
    at: str
    earlier: tuple[str, ...] = ()

    def former_directories(self, common: str) -> list[str]:
        """The git directories in which the repository was before, and that no longer exist."""
        before = [self.at, *self.earlier]
        return [path for path in dict.fromkeys(before) if path != common and not os.path.lexists(path)]


def read_marker(common: str) -> Marker | None:
    """The marker in that git directory. None if there is none, or if the folder was copied and it belongs to the original.

    A copy differs from a moved folder in that the directory in which the marker was written still exists.
    """
    marker = _read(common)
    if marker is None or marker.at == common or _same(marker.at, common):
        return marker
    original = _read(marker.at)
    return None if original is not None and original.id == marker.id else marker


def ensure_marker(common: str) -> Marker | None:
    """`read_marker`; written if there is none, renewed if the repository was moved. None if nothing can be written."""
    known = read_marker(common)
    if known is not None and (known.at == common or _same(known.at, common)):
        return known
    if known is None:
        marker = Marker(secrets.token_hex(16), common)
    else:
        marker = Marker(known.id, common, tuple(dict.fromkeys((known.at, *known.earlier)))[:_EARLIER])
    try:
        _write(common, marker, replace=_read(common) is not None)
    except OSError:
        return known
    return read_marker(common)  # another process may have been first


def _write(common: str, marker: Marker, *, replace: bool) -> None:
    target = Path(common, MARKER)
    written = Path(common, f"{MARKER}.{secrets.token_hex(4)}")
    text = json.dumps({"id": marker.id, "at": marker.at, "earlier": marker.earlier}, indent=1) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(written, flags, 0o666), "w", encoding="utf-8") as file:
            file.write(text)
        if not replace:
            with suppress(OSError):  # a file system may not support links
                os.link(written, target)
            if _read(common) is not None:
                return
        written.replace(target)  # also of an invalid marker, which a process left that was killed while writing
    finally:
        written.unlink(missing_ok=True)


def _read(common: str) -> Marker | None:
    try:
        descriptor = os.open(Path(common, MARKER), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    id_, at, earlier = data.get("id"), data.get("at"), data.get("earlier", [])
    if not isinstance(id_, str) or _ID.fullmatch(id_) is None or not isinstance(earlier, list):
        return None
    if not isinstance(at, str) or not _is_path(at):
        return None
    return Marker(id_, at, tuple(path for path in earlier if _is_path(path))[:_EARLIER])


def _is_path(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value and Path(value).is_absolute() and not value.startswith(("\\\\", "//"))


def _same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False
