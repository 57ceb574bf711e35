"""The one way to run git. No program that a repository configures is started.

What a repository could start, by its configuration and the attributes of its files, is disabled in three ways: settings with a
fixed name are switched off for every call (`_SAFE`), those with names of the repository's choice are emptied for the calls that
would use them (`Repository.safe_options`), and options of the calls exclude the rest (`--no-ext-diff`, `--no-textconv`).
`git_repository.py` determines in which repository each call works.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sessionls.environment import child_environment
from sessionls.installed import find_git, search_path
from sessionls.program_runner import run_program

__all__ = [
    "EMPTY",
    "FALSE",
    "Git",
    "GitAnswer",
    "GitProblem",
    "bare_problem",
    "is_revision",
    "is_too_old",
    "old_problem",
    "problem_of",
]

_NO_GIT = "git is not installed: PATH has none outside of the workspace."
_OLDEST = (2, 31)
# git reads work trees that may come from anybody.
_SAFE = (
    # A repository may configure a file watcher, hooks and a pager. (Before git 2.36 any value of fsmonitor is a program.)
    *("--no-pager", "-c", "core.fsmonitor=", "-c", f"core.hooksPath={os.devnull}"),
    # A submodule's diff would come from another git process, with the submodule's configuration and without these options.
    *("-c", "diff.submodule=short"),
    # Showing a merge with --remerge-diff would run the repository's merge drivers.
    *("-c", "log.diffMerges=separate"),
    *("-c", "core.quotePath=false"),
    # A folder of the work tree that looks like a git directory is not one. (Since git 2.38.)
    *("-c", "safe.bareRepository=explicit"),
    # Other files must not appear as the names of authors.
    *("-c", f"mailmap.file={os.devnull}"),
)
EMPTY, FALSE = "SESSIONLS_EMPTY", "SESSIONLS_FALSE"
"""Environment variables for values that options cannot pass."""

_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched, also by a git without the variable above
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
    EMPTY: "",
    FALSE: "false",
}


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """`code` is git's exit code; None if git is missing, took too long, or wrote more than the limit (`cut`).

    `errors` is the end of git's error output. It may contain paths of this machine, and is never shown.
    """

    code: int | None
    output: bytes
    cut: bool = False
    errors: str = ""

    @property
    def text(self) -> str:
        """The output, without the end of its last line."""
        return self.output.decode("utf-8", "replace").rstrip("\n")


Cause = Literal["missing", "none", "bare", "owner", "outside", "too old", "unreadable", "slow"]


class GitProblem(Exception):
    """Why git cannot answer for a folder, and what to do about it, for people and models.

    `cause`: git is missing, the folder is not in a repository, the repository is bare, belongs to another user, has its data
    outside of the workspace, needs another version of git, cannot be read, or git took too long.
    """

    def __init__(self, cause: Cause, message: str, hint: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.hint = hint


class Git:
    """The installed git. `never_in` returns the workspace's folders: a git inside them is never run.

    `repository_seconds`: how long a command in a known `Repository` may take.
    """

    def __init__(self, never_in: Callable[[], Sequence[Path]] = tuple, *, repository_seconds: float = 10.0) -> None:
        self._never_in = never_in
        self.repository_seconds = repository_seconds
        self._known: tuple[object, str, str] | None = None

    async def installed(self) -> bool:
        return await self._find_program() is not None

    async def __call__(
        self,
        folder: str | None,
        *arguments: str,
        seconds: float = 2.0,
        limit: int = 1 << 20,
        environment: Mapping[str, str] | None = None,
    ) -> GitAnswer:
        """Run it in a folder, without a shell, for a bounded time and output. Cancelling ends it.

        git finds its repository by itself, unless `environment` names it: output that is shown to anyone comes from a
        `Repository`, which names it.
        """
        installation = await self._find_program()
        if installation is None:
            return GitAnswer(None, b"")
        program, path = installation
        try:
            outcome = await run_program(
                [program, *_SAFE, *arguments],
                cwd=folder,
                environment=child_environment() | _ENVIRONMENT | {"PATH": path} | dict(environment or {}),
                seconds=seconds,
                limit=limit,
            )
        except (OSError, ValueError):  # git was removed, the folder does not exist, or a name is invalid
            self._known = None
            return GitAnswer(None, b"")
        errors = outcome.errors.decode("utf-8", "replace")
        return GitAnswer(outcome.code, outcome.output, cut=outcome.stopped == "output", errors=errors)

    async def problem(self, answer: GitAnswer) -> GitProblem:
        """Why git failed, from its answer."""
        if answer.code is not None or answer.cut:
            return problem_of(answer.errors)
        if not await self.installed():
            return GitProblem("missing", _NO_GIT, "Install git.")
        return GitProblem("slow", "git took too long, or could not be started.", "Try again, or ask for less.")

    async def _find_program(self) -> tuple[str, str] | None:
        """The program, and the PATH for programs that it starts; None without git. The result is cached."""
        never_in = tuple(self._never_in())
        key = (os.environ.get("PATH"), never_in)
        if self._known is None or self._known[0] != key:
            program, path = await asyncio.to_thread(lambda: (find_git(never_in=never_in), search_path(never_in=never_in)))
            if program is None:
                return None
            self._known = (key, program, path)
        return self._known[1:]


def is_revision(text: str) -> bool:
    """Whether the text may be passed to git as a revision: not an option, and not impossible as a revision."""
    return bool(text) and not text.startswith("-") and len(text) <= 200 and text.isprintable()


def problem_of(errors: str) -> GitProblem:
    """Why git failed, from its messages (always in English)."""
    if "dubious ownership" in errors or "unsafe repository" in errors:
        return GitProblem(
            "owner",
            "git does not trust the repository, because its folder belongs to another user (dubious ownership).",
            "If you trust it, run: git config --global --add safe.directory PATH, with the path of the repository.",
        )
    if "cannot use bare repository" in errors or "must be run in a work tree" in errors:
        return bare_problem()
    if "Expected git repo version" in errors or "unknown repository extension" in errors or "unknown object format" in errors:
        return GitProblem("too old", "The repository needs a newer git than the one that is installed.", "Update git.")
    if "not a git repository: " in errors or "invalid gitfile" in errors:
        return GitProblem(
            "unreadable",
            "The folder's .git file does not name a git directory that exists.",
            "If it is a worktree or a submodule that was moved, run git worktree repair or git submodule update.",
        )
    if "not a git repository" in errors:
        return GitProblem(
            "none",
            "No workspace folder is in a git repository.",
            "Open a folder that lies in one, or send the files themselves.",
        )
    return GitProblem("unreadable", "git cannot read the repository.", "Run git status in the folder to see why.")


def bare_problem() -> GitProblem:
    return GitProblem("bare", "This is a bare repository: it has no work tree.", "Open a clone or a worktree of it.")


def is_too_old(version: str) -> bool:
    """Whether that version (`2.39.5`, `2.50.1 (Apple Git-155)`) is too old for sessionls."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < _OLDEST


def old_problem() -> GitProblem:
    oldest = ".".join(map(str, _OLDEST))
    return GitProblem("too old", f"git is too old: sessionls needs git {oldest} or newer.", "Update git.")
