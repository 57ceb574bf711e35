"""Which repository the workspace's folders are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from sessionls.sessions.git import Git

__all__ = ["Identities"]


class Identities:
    """Which repository folders the workspace's folders are: `git:<first commit>:<path from the repository's root>`.

    The path has `/`, and is `.` at the root. A folder has an identity in a repository with at least one commit that is not
    shallow. What was found is kept; what was not is looked for again after a while.
    """

    _AGAIN_AFTER = 60.0  # seconds

    def __init__(self, git: Git) -> None:
        self._git = git
        self._found: dict[str, str] = {}
        self._missing: dict[str, float] = {}

    async def of(self, folders: Sequence[str]) -> list[str]:
        """The identities of those of the folders (paths) that have one, in order."""
        known = await asyncio.gather(*(self._one(folder) for folder in dict.fromkeys(folders)))
        return list(dict.fromkeys(identity for identity in known if identity is not None))

    def known(self, folders: Sequence[str]) -> list[str]:
        """`of`, as far as it was found before."""
        return [identity for folder in folders if (identity := self._found.get(folder)) is not None]

    async def _one(self, folder: str) -> str | None:
        found = self._found.get(folder)
        if found is not None or time.monotonic() < self._missing.get(folder, 0.0):
            return found
        found = await _identity(self._git, folder)
        if found is None:
            self._missing[folder] = time.monotonic() + self._AGAIN_AFTER
        else:
            self._found[folder] = found
        return found


async def _identity(git: Git, folder: str) -> str | None:
    place, commits = await asyncio.gather(
        git(folder, "rev-parse", "--is-shallow-repository", "--show-prefix"),
        git(folder, "rev-list", "--max-parents=0", "HEAD", "--"),
    )
    roots = commits.output.decode("ascii", "replace").split()
    if place.code != 0 or commits.code != 0 or not roots:
        return None
    shallow, _, prefix = place.output.decode("utf-8", "replace").partition("\n")
    if shallow != "false":
        return None
    return f"git:{roots[-1]}:{prefix.rstrip(chr(10)).strip('/') or '.'}"
