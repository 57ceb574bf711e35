"""A folder in a git repository, and where that repository is: checked once, and then passed to git in each call.

By itself, git trusts what it finds: `core.worktree` in a repository's configuration, a file `.git` that names any directory, a
tracked folder that looks like a git directory. Any of them makes `git diff` show files from elsewhere. So git is asked once what
it finds (only git knows which repositories are trusted), the answer is checked folder, and from then on each call names the git
directory and the work tree.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from sessionls.sessions.workspace.git import (
    EMPTY,
    FALSE,
    Git,
    GitAnswer,
    GitProblem,
    bare_problem,
    is_revision,
    old_problem,
    problem_of,
)

__all__ = ["Repository", "find_repository"]

# Content filters, hooks (from git 2.54 on configuration has some, too), and what a participant's own git-lfs would start.
_PROGRAM_KEYS = r"^(filter|hook|lfs\.extension)\."
_USER_SCOPES = ("system", "global", "command")
_DEPTH = 5  # of alternates of object directories, as in git
_PATH_FILE = 1 << 14  # bytes of a file that contains a path
# What git reads of its directory when it shows something. (Links to hooks or to large files elsewhere are not unusual.)
_READ = ("HEAD", "objects", "refs", "packed-refs", "index", "sharedindex", "info", "shallow", "reftable")


@dataclass(frozen=True, slots=True)
class Repository:
    """A folder in a repository. git runs there with this work tree and this git directory only.

    All are real paths, and never shown. `common` is the git directory that all worktrees of the repository share.
    """

    git: Git
    folder: str
    top: str
    directory: str
    common: str

    @property
    def path(self) -> str:
        """The folder's path from the top of the work tree, with `/`; empty at the top."""
        relative = PurePath(self.folder).relative_to(self.top).as_posix()
        return "" if relative == "." else relative

    async def __call__(self, *arguments: str, seconds: float | None = None, limit: int = 1 << 20) -> GitAnswer:
        """Run git in the folder (see `Git`)."""
        seconds = self.git.repository_seconds if seconds is None else seconds
        where = {"GIT_DIR": self.directory, "GIT_COMMON_DIR": self.common, "GIT_WORK_TREE": self.top}
        return await self.git(self.folder, *arguments, seconds=seconds, limit=limit, environment=where)

    async def safe_options(self) -> list[str]:
        """Options that empty what the repository itself configures to be started: `git diff` would start its content filters.

        What the participant's own configuration names stays. Raises `GitProblem` if git cannot say, and if a name cannot be
        passed to it (one that is not text on Windows).
        """
        configured = await self._configured()
        disabled = dict(_disabling_value(key) for scope, key in configured if scope not in _USER_SCOPES)
        options = [option for key, value in disabled.items() for option in _options(key, value)]
        # git reports itself whether it supports these options.
        accepted = await self._configured(*options) if options else []
        if not disabled.keys() <= {key for scope, key in accepted if scope == "command"}:
            raise _unknown_configuration()
        return options

    async def _configured(self, *options: str) -> list[tuple[str, str]]:
        """What is configured to be started: scope and key."""
        answer = await self(*options, "config", "--show-scope", "--null", "--name-only", "--get-regexp", _PROGRAM_KEYS)
        if answer.code == 1:  # there is none
            return []
        if answer.code is None and not answer.cut:
            raise await self.git.problem(answer)
        try:
            fields = [os.fsdecode(field) for field in answer.output.split(b"\0")]
        except UnicodeDecodeError:
            raise _unknown_configuration() from None
        if answer.code != 0:
            raise _unknown_configuration()
        return list(zip(fields[::2], fields[1::2], strict=False))

    async def commit(self, revision: str) -> str | None:
        """The hash of the commit for a revision; None if there is none."""
        if not is_revision(revision):
            return None
        answer = await self("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return answer.text if answer.code == 0 and answer.text.isalnum() else None

    async def base(self, revision: str | None) -> str | None:
        """What to compare with: the commit of that revision (`HEAD` unless given); an empty tree where `HEAD` has no commit."""
        commit = await self.commit(revision or "HEAD")
        if commit is None and revision in (None, "HEAD", "@") and await self.is_unborn():
            empty = await self("hash-object", "-t", "tree", "--stdin")
            return empty.text if empty.code == 0 else None
        return commit

    async def is_unborn(self) -> bool:
        """Whether the branch that is checked out has no commit yet."""
        branch = await self("symbolic-ref", "--quiet", "HEAD")
        return branch.code == 0 and (await self("show-ref", "--verify", "--quiet", branch.text)).code == 1


async def find_repository(git: Git, folder: str, *, inside: Sequence[str] = (), strict: bool = True) -> Repository:
    """The repository in which a folder (a path) lies. Raises `GitProblem`, also for one whose data is somewhere else.

    `inside` are the workspace's folders: what lies in them may belong to the repository. `strict`: so must all of its objects;
    else it may borrow objects from other repositories.
    """
    questions = ("--git-dir", "--git-common-dir", "--is-bare-repository")
    answer = await git(folder, "rev-parse", "--path-format=absolute", *questions, seconds=git.repository_seconds)
    if answer.code != 0:
        raise await git.problem(answer)
    lines = os.fsdecode(answer.output).split("\n")
    if lines[0].startswith("--path-format"):
        raise old_problem()
    if len(lines) != 4:  # a path with a line break in it
        raise problem_of("")
    repository = await asyncio.to_thread(_locate, git, folder, *lines[:2])
    if repository is None or lines[2] == "true":
        raise bare_problem()
    belongs = await asyncio.to_thread(_belongs, repository, inside)
    if belongs is None:
        belongs = await _is_its_submodule(repository)
    if not belongs:
        raise _outside_error()
    if strict and await asyncio.to_thread(_borrows, repository, inside):
        raise _borrowing_error()
    return repository


def _locate(git: Git, folder: str, directory: str, common: str) -> Repository | None:
    """The repository with its work tree, whose top is the folder whose `.git` is that directory or names it. None without one."""
    directory, common = os.path.realpath(directory), os.path.realpath(common)
    real = Path(os.path.realpath(folder))
    for top in (real, *real.parents):
        if top.is_relative_to(directory):
            return None
        named = _path_in_file(top / ".git", "gitdir:") if (top / ".git").is_file() else top / ".git"
        if named is not None and _same(named, directory):
            return Repository(git, str(real), str(top), directory, common)
    return None


def _belongs(repository: Repository, inside: Sequence[str]) -> bool | None:
    """Whether the git directory is the folder's own: it lies in it or in the workspace, or says itself that it belongs to it.

    A worktree's directory lies in that of its repository, and names the worktree. A submodule's has it in its configuration;
    None if that is not decided yet. The author of the folder cannot have written either into a directory outside of it.
    """
    is_worktree = repository.common != repository.directory
    if is_worktree and Path(repository.directory).parent != Path(repository.common, "worktrees"):
        return False
    if all(_within(directory, (repository.top, *inside)) for directory in (repository.directory, repository.common)):
        return True
    if not is_worktree:
        return None
    named = _path_in_file(Path(repository.directory, "gitdir"))
    return named is not None and _same(named, Path(repository.top, ".git"))


async def _is_its_submodule(repository: Repository) -> bool:
    options = ("--no-includes", "--null", "--get", "core.worktree")
    answer = await repository.git(repository.directory, "config", "--file", str(Path(repository.directory, "config")), *options)
    worktree = os.fsdecode(answer.output.removesuffix(b"\0"))
    return (
        answer.code == 0
        and bool(worktree)
        and await asyncio.to_thread(_same, Path(repository.directory, worktree), repository.top)
    )


def _path_in_file(path: Path, label: str = "") -> Path | None:
    """The path in one of git's files; None if it has none."""
    try:
        with path.open("rb") as file:
            text = os.fsdecode(file.read(_PATH_FILE))
    except (OSError, ValueError):
        return None
    if not text.startswith(label):
        return None
    named = text.removeprefix(label).lstrip(" ").rstrip("\r\n")
    return Path(path.parent, named) if named and "\0" not in named else None


def _same(one: str | Path, other: str | Path) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False


def _within(path: str | Path, folders: Sequence[str]) -> bool:
    """Whether the path is in one of the folders, in any spelling (a file system may ignore case)."""
    real = Path(os.path.realpath(path))
    if any(real.is_relative_to(os.path.realpath(folder)) for folder in folders):
        return True
    return any(_same(above, folder) for folder in folders for above in (real, *real.parents))


def _borrows(repository: Repository, inside: Sequence[str]) -> bool:
    """Whether the git directory refers to something outside of it and of the workspace: by a link, or by alternates."""
    own = (repository.directory, repository.common, repository.top, *inside)
    if any(not _within(link, own) for directory in {repository.directory, repository.common} for link in _links(directory)):
        return True
    objects = [Path(repository.common, "objects")]
    for _ in range(_DEPTH + 1):
        objects = [alternate for directory in objects for alternate in _alternates(directory)]
        if any(not _within(directory, own) for directory in objects):
            return True
        if not objects:
            return False
    return True


def _links(directory: str) -> Iterator[str]:
    """The symbolic links among the entries of a git directory that git reads."""
    waiting = [directory]
    while waiting:
        folder = waiting.pop()
        try:
            entries = [entry for entry in os.scandir(folder) if folder != directory or entry.name.startswith(_READ)]
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink() or getattr(entry, "is_junction", bool)():
                yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def _alternates(objects: Path) -> list[Path]:
    try:
        with (objects / "info" / "alternates").open("rb") as file:
            lines = file.read(1 << 16).splitlines()
    except OSError:
        return []
    return [objects / os.fsdecode(line) for line in lines if line and not line.startswith(b"#")]


def _disabling_value(key: str) -> tuple[str, str]:
    """The key and value that disable the program which that key configures."""
    stem, _, last = key.rpartition(".")
    if key.startswith("hook."):
        return f"{stem}.enabled", "false"
    return key, "false" if last == "required" else ""


def _options(key: str, value: str) -> tuple[str, ...]:
    if "=" not in key:
        return "-c", f"{key}={value}"
    # `-c` would end the key at the first `=`. This ends it at the last one, and a git without it does nothing.
    return (f"--config-env={key}={FALSE if value else EMPTY}",)


def _outside_error() -> GitProblem:
    return GitProblem(
        "outside",
        "The repository keeps its data outside of the workspace, and nothing there says that it belongs to this folder.",
        "Open the folder that contains the repository itself, or make a worktree with git worktree add.",
    )


def _borrowing_error() -> GitProblem:
    return GitProblem(
        "outside",
        "The repository takes data from outside of the workspace (a symbolic link, or objects of another repository).",
        "Trust the workspace if you made it so yourself, or make the repository whole with git repack -a -d.",
    )


def _unknown_configuration() -> GitProblem:
    return GitProblem("too old", "git could not tell its configuration; it must be 2.31 or newer.", "Update git.")
