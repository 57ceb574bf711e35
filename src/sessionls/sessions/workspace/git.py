"""The one way in which git is started. Whatever a repository configures for itself, nothing of it is started here.

What a repository could start, by its own configuration and the attributes of its files, is made inert in three ways: what has
one name is switched off for every call (`_SAFE`), what has names of its own is emptied for the calls that would start it
(`Repository.inert`), and the rest is left out by options of the calls themselves (`--no-ext-diff`, `--no-textconv`). In which
repository git works, `git_repository.py` says for each call.
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
    "problem_in",
]

_NO_GIT = "git is not installed: PATH has none outside of the workspace."
_OLDEST = (2, 31)
# `git` reads the work tree of whoever sent it.
_SAFE = (
    # A repository names programs for its file watcher, its hooks and its pager. (To a git before 2.36 any word is a program.)
    *("--no-pager", "-c", "core.fsmonitor=", "-c", f"core.hooksPath={os.devnull}"),
    # A submodule's own diff would be that of another git, with the submodule's configuration and without these options.
    *("-c", "diff.submodule=short"),
    # To show a merge as what was done to it by hand, it is made once more, with the repository's own drivers.
    *("-c", "log.diffMerges=separate"),
    *("-c", "core.quotePath=false"),
    # A folder of the work tree that is laid out like a git directory is not one. (git 2.38 and newer know this.)
    *("-c", "safe.bareRepository=explicit"),
    # Nothing of other files comes in as the names of authors.
    *("-c", f"mailmap.file={os.devnull}"),
)
EMPTY, FALSE = "SESSIONLS_EMPTY", "SESSIONLS_FALSE"
"""Variables that git has, for values that options cannot give."""

_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # nothing is fetched, also by a git that does not know the line before
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
    EMPTY: "",
    FALSE: "false",
}


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """`code` is git's exit code; None where git is missing, took too long, or said more than was asked for (`cut`).

    `said` is the end of git's errors. It may hold paths of this machine, and is shown to nobody.
    """

    code: int | None
    output: bytes
    cut: bool = False
    said: str = ""

    @property
    def text(self) -> str:
        """The output, without the end of its last line."""
        return self.output.decode("utf-8", "replace").rstrip("\n")


Cause = Literal["missing", "none", "bare", "owner", "outside", "too old", "unreadable", "slow"]


class GitProblem(Exception):
    """Why git can say nothing of a folder, and what to do about it, in words for people and models.

    `cause`: git is missing, the folder lies in no repository, the repository is bare, belongs to another user, has its data
    outside of the workspace, needs another version of git, cannot be read, or git took too long.
    """

    def __init__(self, cause: Cause, message: str, hint: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.hint = hint


class Git:
    """The git that is installed. `never_in` are the workspace's folders, asked each time: none that lies there is run."""

    def __init__(self, never_in: Callable[[], Sequence[Path]] = tuple) -> None:
        self._never_in = never_in
        self._known: tuple[object, str, str] | None = None

    async def installed(self) -> bool:
        return await self._place() is not None

    async def __call__(
        self,
        folder: str | None,
        *arguments: str,
        seconds: float = 2.0,
        limit: int = 1 << 20,
        environment: Mapping[str, str] | None = None,
    ) -> GitAnswer:
        """Run it in a folder, without a shell, for a bounded time and output. Cancelling ends it.

        In which repository it works it finds out by itself, unless `environment` says so: what is shown to anyone comes from a
        `Repository`, which does.
        """
        place = await self._place()
        if place is None:
            return GitAnswer(None, b"")
        program, path = place
        try:
            outcome = await run_program(
                [program, *_SAFE, *arguments],
                cwd=folder,
                environment=child_environment() | _ENVIRONMENT | {"PATH": path} | dict(environment or {}),
                seconds=seconds,
                limit=limit,
            )
        except (OSError, ValueError):  # no git any more, no such folder, a name that no system could have
            self._known = None
            return GitAnswer(None, b"")
        errors = outcome.errors.decode("utf-8", "replace")
        return GitAnswer(outcome.code, outcome.output, cut=outcome.stopped == "output", said=errors)

    async def problem(self, answer: GitAnswer) -> GitProblem:
        """Why git failed, from its answer."""
        if answer.code is not None or answer.cut:
            return problem_in(answer.said)
        if not await self.installed():
            return GitProblem("missing", _NO_GIT, "Install git.")
        return GitProblem("slow", "git took too long, or could not be started.", "Try again, or ask for less.")

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


def is_revision(text: str) -> bool:
    """Whether git may be asked for the text as a revision: no option, and nothing that no revision could be."""
    return bool(text) and not text.startswith("-") and len(text) <= 200 and text.isprintable()


def problem_in(said: str) -> GitProblem:
    """Why git failed, from its own words (in English, as it is always run)."""
    if "dubious ownership" in said or "unsafe repository" in said:
        return GitProblem(
            "owner",
            "git does not trust the repository, because its folder belongs to another user (dubious ownership).",
            "If you trust it, run: git config --global --add safe.directory PATH, with the path of the repository.",
        )
    if "cannot use bare repository" in said or "must be run in a work tree" in said:
        return bare_problem()
    if "Expected git repo version" in said or "unknown repository extension" in said or "unknown object format" in said:
        return GitProblem("too old", "The repository needs a newer git than the one that is installed.", "Update git.")
    if "not a git repository: " in said or "invalid gitfile" in said:
        return GitProblem(
            "unreadable",
            "The folder's .git file does not name a git directory that exists.",
            "If it is a worktree or a submodule that was moved, run git worktree repair or git submodule update.",
        )
    if "not a git repository" in said:
        return GitProblem(
            "none",
            "No workspace folder lies in a git repository.",
            "Open a folder that lies in one, or send the files themselves.",
        )
    return GitProblem("unreadable", "git cannot read the repository.", "Run git status in the folder to see why.")


def bare_problem() -> GitProblem:
    return GitProblem(
        "bare", "This is a bare repository: it has no files of its own to look at.", "Open a clone or a worktree of it."
    )


def is_too_old(version: str) -> bool:
    """Whether a git that calls itself that (`2.39.5`, `2.50.1 (Apple Git-155)`) lacks what is needed here."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < _OLDEST


def old_problem() -> GitProblem:
    oldest = ".".join(map(str, _OLDEST))
    return GitProblem("too old", f"git is too old: sessionls needs git {oldest} or newer.", "Update git.")
