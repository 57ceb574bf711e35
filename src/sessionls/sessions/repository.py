"""What git knows of the workspace's folders. Whatever a repository configures for itself, nothing of it is started here."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["GitAnswer", "Identities", "git", "inert_filters"]

# A repository names programs for its hooks, its file watcher and its pager: off. `git` reads the work tree of whoever sent it.
_SAFE = ("--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=false")
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched, also by a git that does not know the line before
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
# What these say is about the editor's own git, when it was started by one (`git commit`), not about the workspace.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES")


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """`code` is git's exit code; None where git is missing, took too long, or said more than was asked for (`cut`)."""

    code: int | None
    output: bytes
    cut: bool = False


async def git(folder: str, *arguments: str, seconds: float = 2.0, limit: int = 1 << 20) -> GitAnswer:
    """Run git in a folder, without a shell, for a bounded time and output. Cancelling ends it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *_SAFE,
            *arguments,
            cwd=folder,
            env=environment | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, ValueError):  # no git, no such folder, a name that no system could have
        return GitAnswer(None, b"")
    assert process.stdout is not None
    output = bytearray()
    code = None
    try:
        async with asyncio.timeout(seconds):
            while len(output) <= limit and (chunk := await process.stdout.read(1 << 16)):
                output += chunk
            if len(output) <= limit:
                code = await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    return GitAnswer(code, bytes(output[:limit]), cut=len(output) > limit)


async def inert_filters(folder: str) -> list[str] | None:
    """Options that empty the content filters which the repository itself configures: `git diff` would start them.

    Those of the participant's own configuration stay. None where git cannot say (it is older than 2.26, or took too long).
    """
    answer = await git(folder, "config", "--show-scope", "--null", "--name-only", "--get-regexp", r"^filter\.")
    if answer.code == 1:  # there is none
        return []
    if answer.code != 0:
        return None
    fields = answer.output.decode("utf-8", "replace").split("\0")
    options: list[str] = []
    for scope, key in zip(fields[::2], fields[1::2], strict=False):
        if scope not in ("system", "global", "command"):
            options += ["-c", f"{key}={'false' if key.endswith('.required') else ''}"]
    return options


class Identities:
    """Which repository folders the workspace's folders are: `git:<first commit>:<path from the repository's root>`.

    The path has `/`, and is `.` at the root. A folder has an identity in a repository with at least one commit that is not
    shallow. What was found is kept; what was not is looked for again after a while.
    """

    _AGAIN_AFTER = 60.0  # seconds

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._missing: dict[str, float] = {}

    async def of(self, folders: Sequence[str]) -> list[str]:
        """The identities of those of the folders (paths) that have one, in order."""
        known = await asyncio.gather(*(self._one(folder) for folder in dict.fromkeys(folders)))
        return list(dict.fromkeys(identity for identity in known if identity is not None))

    async def _one(self, folder: str) -> str | None:
        found = self._found.get(folder)
        if found is not None or time.monotonic() < self._missing.get(folder, 0.0):
            return found
        found = await _identity(folder)
        if found is None:
            self._missing[folder] = time.monotonic() + self._AGAIN_AFTER
        else:
            self._found[folder] = found
        return found


async def _identity(folder: str) -> str | None:
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
