"""What git knows of the workspace's folders. Whatever a repository configures for itself, nothing of it is started here.

What a repository could start, by its own configuration and the attributes of its files, is made inert in three ways: what has
one name is switched off for every call (`_SAFE`), what has names of its own is emptied for the calls that would start it
(`Git.inert`), and the rest is left out by options of the calls themselves (`--no-ext-diff`, `--no-textconv`).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sessionls.environment import child_environment
from sessionls.installed import find_git, search_path

__all__ = ["NO_GIT", "Git", "GitAnswer", "Identities"]

NO_GIT = "git is not installed: PATH has none outside of the workspace."

# `git` reads the work tree of whoever sent it.
_SAFE = (
    # A repository names programs for its file watcher, its hooks and its pager. (To a git before 2.36 any word is a program.)
    *("--no-pager", "-c", "core.fsmonitor=", "-c", f"core.hooksPath={os.devnull}"),
    # A submodule's own diff would be that of another git, with the submodule's configuration and without these options.
    *("-c", "diff.submodule=short"),
    # To show a merge as what was done to it by hand, it is made once more, with the repository's own drivers.
    *("-c", "log.diffMerges=separate"),
    *("-c", "core.quotePath=false"),
)
_EMPTY, _FALSE = "SESSIONLS_EMPTY", "SESSIONLS_FALSE"
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched, also by a git that does not know the line before
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
    _EMPTY: "",
    _FALSE: "false",
}
# Content filters, hooks (from git 2.54 on configuration has some, too), and what a participant's own git-lfs would start.
_STARTED = r"^(filter|hook|lfs\.extension)\."
_OURS = ("system", "global", "command")


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """`code` is git's exit code; None where git is missing, took too long, or said more than was asked for (`cut`)."""

    code: int | None
    output: bytes
    cut: bool = False


class Git:
    """The git that is installed. `never_in` are the workspace's folders, asked each time: none that lies there is run."""

    def __init__(self, never_in: Callable[[], Sequence[Path]] = tuple) -> None:
        self._never_in = never_in
        self._known: tuple[object, str, str] | None = None

    async def installed(self) -> bool:
        return await self._place() is not None

    async def __call__(self, folder: str, *arguments: str, seconds: float = 2.0, limit: int = 1 << 20) -> GitAnswer:
        """Run it in a folder, without a shell, for a bounded time and output. Cancelling ends it."""
        place = await self._place()
        if place is None:
            return GitAnswer(None, b"")
        program, path = place
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *_SAFE,
                *arguments,
                cwd=folder,
                env=child_environment() | _ENVIRONMENT | {"PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, ValueError):  # no git any more, no such folder, a name that no system could have
            self._known = None
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

    async def inert(self, folder: str) -> list[str] | None:
        """Options that empty what the repository itself configures to be started: `git diff` would start its content filters.

        What the participant's own configuration names stays. None where git cannot say (it is older than 2.26, or took too
        long), and where it cannot be told (a name with `=` before 2.31, one that is no text on Windows).
        """
        found = await self._configured(folder)
        if found is None:
            return None
        emptied = dict(_emptied(key) for scope, key in found if scope not in _OURS)
        options = [option for key, value in emptied.items() for option in _options(key, value)]
        # Whether git knows these names as they were told, it says itself.
        taken = await self._configured(folder, *options) if options else []
        return options if taken is not None and emptied.keys() <= {key for scope, key in taken if scope == "command"} else None

    async def _configured(self, folder: str, *options: str) -> list[tuple[str, str]] | None:
        """What is configured to be started: scope and key; None where git cannot say."""
        answer = await self(folder, *options, "config", "--show-scope", "--null", "--name-only", "--get-regexp", _STARTED)
        if answer.code == 1:  # there is none
            return []
        if answer.code != 0:
            return None
        try:
            fields = [os.fsdecode(field) for field in answer.output.split(b"\0")]
        except UnicodeDecodeError:
            return None
        return list(zip(fields[::2], fields[1::2], strict=False))

    async def _place(self) -> tuple[str, str] | None:
        """The program, and the PATH on which it finds others; None where there is none. What was found is kept."""
        never_in = tuple(self._never_in())
        asked = (os.environ.get("PATH"), never_in)
        if self._known is None or self._known[0] != asked:
            program, path = await asyncio.to_thread(lambda: (find_git(never_in=never_in), search_path(never_in=never_in)))
            if program is None:
                return None
            self._known = (asked, program, path)
        return self._known[1:]


def _emptied(key: str) -> tuple[str, str]:
    """The key with which what that one configures is not started, and its value."""
    stem, _, last = key.rpartition(".")
    if key.startswith("hook."):
        return f"{stem}.enabled", "false"
    return key, "false" if last == "required" else ""


def _options(key: str, value: str) -> tuple[str, ...]:
    if "=" not in key:
        return "-c", f"{key}={value}"
    # `-c` would take the first `=` for the end of the key. This takes the last, and a git that does not know it does nothing.
    return (f"--config-env={key}={_FALSE if value else _EMPTY}",)


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
