"""Tools that read from git. No program that the repository configures is started (see `workspace/git.py`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from sessionls.domain import uris
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.prompt.blocks import numbered
from sessionls.sessions.workspace.git import GitProblem, is_revision
from sessionls.sessions.workspace.git_repository import Repository
from sessionls.sessions.workspace.secret_files import WITHHELD_FILES, WITHHELD_FOLDERS
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.base import RESULT_LIMIT, Arguments, BaseTool

__all__ = ["GitDiff", "GitLog", "GitShow"]

_SECONDS = 20.0
_NAMES = 1 << 20  # bytes of names
_LIMIT = RESULT_LIMIT  # bytes of one answer of git
_PATCH = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--relative", "--ignore-submodules=dirty", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
)
# A repository may configure the program that checks signatures. A merge is shown against its first parent.
_QUIET = ("--no-show-signature", "--no-decorate", "--no-notes")
_ONE_PARENT = ("-m", "--first-parent")
_NO_SECRETS = tuple(
    f":(exclude,icase,glob)**/{glob}" for glob in (*WITHHELD_FILES, *(f"{folder}/**" for folder in sorted(WITHHELD_FOLDERS)))
)
_LITERAL = ":(literal)"
_REVISION = "A branch, tag or commit."
_HEAD = ("HEAD", "@")


@contextmanager
def explained() -> Iterator[None]:
    """Convert a problem of git to an error for the agent."""
    try:
        yield
    except GitProblem as problem:
        raise ToolFailed(f"{problem} {problem.hint}") from None


@dataclass(frozen=True, slots=True)
class _Selected:
    """A repository, its folder's label, and the requested pathspecs in it."""

    label: str
    repository: Repository
    paths: list[str]


async def _locate(workspace: Workspace, path: str) -> tuple[str, Repository, str]:
    """The label of a path's repository, the repository, and the path from its folder. The file may no longer exist."""
    file = await workspace.resolve(path)
    repositories = await workspace.repositories()
    for label, repository in repositories.required():
        if file.path.is_relative_to(repository.folder):
            return label, repository, file.path.relative_to(repository.folder).as_posix()
    raise ToolFailed(" ".join([f"{path} is not in a git repository that can be read.", *repositories.notices()]))


def _checked(revision: str) -> str:
    if not is_revision(revision):
        raise ToolFailed(f"{revision[:60]!r} is not a git revision. Use a branch, a tag or a commit.")
    return revision


async def _required_commit(repository: Repository, revision: str) -> str:
    commit = await repository.commit(_checked(revision))
    if commit is None:
        if revision in _HEAD and await repository.is_unborn():
            raise ToolFailed("The branch has no commit yet. git_diff shows the content of the first one.")
        raise ToolFailed(f"The git revision {revision[:60]!r} does not exist here. See git_log for commits.")
    return commit


async def _range(repository: Repository, revision: str) -> list[str]:
    """The commits of `A`, `A..B` or `A...B`; for the last one, the merge base and B."""
    for dots in ("...", ".."):
        if dots in revision:
            left, _, right = revision.partition(dots)
            ends = [await _required_commit(repository, left or "HEAD"), await _required_commit(repository, right or "HEAD")]
            if dots == "...":
                answer = await repository.git(repository.folder, "merge-base", *ends, seconds=_SECONDS)
                base = answer.output.decode("ascii", "replace").strip()
                if answer.code != 0 or not base.isalnum():
                    raise ToolFailed(f"{left or 'HEAD'} and {right or 'HEAD'} have no commit in common.")
                ends[0] = base
            return ends
    return [await repository.base(_checked(revision)) or await _required_commit(repository, revision)]


async def _text(repository: Repository, *arguments: str, limit: int = _LIMIT) -> str:
    answer = await repository(*arguments, seconds=_SECONDS, limit=limit)
    if answer.code != 0 and not answer.cut:
        raise ToolFailed("git failed or took too long. Ask for less, for example one path.")
    text = replace_lone_surrogates(answer.output.decode("utf-8", "replace"))
    return (
        f"{text[: text.rfind(chr(10)) + 1]}[This is only the beginning. Ask for less, for example one path.]\n"
        if answer.cut
        else text
    )


async def _allowed(workspace: Workspace, repository: Repository, paths: list[str], *names: str) -> tuple[list[str], str]:
    """Pathspecs for `paths` without the secret files among those that `git names…` lists, and a notice about these."""
    answer = await repository(*names, "--", *paths, seconds=_SECONDS, limit=_NAMES)
    if answer.code != 0:
        raise ToolFailed("The changes include too many files. Pass a path.")
    secret = {name for raw in answer.output.split(b"\0") if raw and workspace.withheld(name := os.fsdecode(raw).strip("\n"))}
    notice = f"[Withheld: {len(secret)} changed file(s) that may contain secrets.]\n" if secret else ""
    return [*paths, *(f":(exclude,literal){name}" for name in sorted(secret))], notice


async def _by_repository(workspace: Workspace, paths: list[str]) -> tuple[list[_Selected], list[str]]:
    """Each repository with the requested pathspecs in it, and notices about those that cannot be read."""
    if not paths:
        repositories = await workspace.repositories()
        found = [_Selected(label, repository, ["."]) for label, repository in repositories.required()]
        return found, [f"[{notice}]" for notice in repositories.notices()]
    asked: dict[str, _Selected] = {}
    for path in paths:
        label, repository, name = await _locate(workspace, path)
        entry = asked.setdefault(repository.folder, _Selected(label, repository, []))
        entry.paths.append(f"{_LITERAL}{name}" if name != "." else ".")
    return list(asked.values()), []


# -- git_diff --------------------------------------------------------------------------------------------------------


class GitDiffArguments(Arguments):
    base: str | None = Field(
        default=None,
        description="The revision to compare the working tree with: a branch, tag or commit (default: HEAD). Or A..B to "
        "compare two, or A...B for the changes of B since it branched off A.",
    )
    staged: bool = Field(default=False, description="Compare the staged changes instead of the working tree.")
    paths: list[str] = Field(default=[], max_length=50, description="Only these files or folders.")


class GitDiff(BaseTool[GitDiffArguments]):
    name = "git_diff"
    description = (
        "Show changes as a diff: the uncommitted ones, the staged ones, or those between two revisions. Unsaved changes in the "
        "editor are not part of it."
    )
    risk = "read"
    arguments = GitDiffArguments

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def perform(self, arguments: GitDiffArguments, call: ToolCall) -> str:  # noqa: ARG002
        base = arguments.base or "HEAD"
        if arguments.staged and ".." in base:
            raise ToolFailed("staged compares with one revision, not with two.")
        with explained():
            return await self._perform(arguments, base)

    async def _perform(self, arguments: GitDiffArguments, base: str) -> str:
        selected, notices = await _by_repository(self._workspace, arguments.paths)
        texts = [await self._for_repository(entry.repository, base, entry.paths, staged=arguments.staged) for entry in selected]
        if len(selected) > 1:
            texts = [f"# {entry.label}\n{text}" for entry, text in zip(selected, texts, strict=True)]
        return "\n".join([*texts, *notices])

    async def _for_repository(self, repository: Repository, base: str, paths: list[str], *, staged: bool) -> str:
        ends = await _range(repository, base)
        safe_options = await repository.safe_options()
        which = [*(["--cached"] if staged else []), *ends]
        names = [*safe_options, "diff", "--name-only", "-z", "--no-renames", *_PATCH, *which]
        allowed, notice = await _allowed(self._workspace, repository, paths, *names)
        text = await _text(repository, *safe_options, "diff", "--find-renames", *_PATCH, *which, "--", *allowed)
        if len(ends) == 1 and not staged:
            notice += await self._untracked(repository, paths)
        return f"{text}{notice}" if text or notice else "No changes."

    async def _untracked(self, repository: Repository, paths: list[str]) -> str:
        arguments = ("ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
        answer = await repository(*arguments, seconds=_SECONDS, limit=_NAMES)
        names = [os.fsdecode(raw) for raw in answer.output.split(b"\0") if raw]
        new = [uris.printable(name) for name in names if not self._workspace.withheld(name)]
        if not new:
            return ""
        more = f" and {len(new) - 50} more" if len(new) > 50 else ""
        return f"[New files, not in the diff: {', '.join(new[:50])}{more}.]\n"


# -- git_log ---------------------------------------------------------------------------------------------------------


class GitLogArguments(Arguments):
    revision: str = Field(default="HEAD", description=f"Where to start. {_REVISION} A..B for the commits of B that are not in A.")
    path: str | None = Field(default=None, description="Only commits that changed this file (also under older names) or folder.")
    text: str | None = Field(
        default=None, min_length=1, max_length=500, description="Only commits that added or removed this exact text."
    )
    limit: int = Field(default=20, ge=1, le=200, description="How many commits, newest first.")


class GitLog(BaseTool[GitLogArguments]):
    name = "git_log"
    description = "List commits, newest first: hash, date, author and subject. git_show shows one of them in full."
    risk = "read"
    arguments = GitLogArguments

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def perform(self, arguments: GitLogArguments, call: ToolCall) -> str:  # noqa: ARG002
        if "..." in arguments.revision:
            raise ToolFailed("Pass one revision, or two as A..B.")
        with explained():
            return await self._perform(arguments)

    async def _perform(self, arguments: GitLogArguments) -> str:
        texts = []
        selected, notices = await _by_repository(self._workspace, [arguments.path] if arguments.path else [])
        for entry in selected:
            text = await self._for_repository(entry.repository, entry.paths, arguments)
            texts.append(f"# {entry.label}\n{text}" if len(selected) > 1 else text)
        return "\n".join(text.rstrip("\n") for text in [*texts, *notices] if text) or "No commits."

    async def _for_repository(self, repository: Repository, paths: list[str], arguments: GitLogArguments) -> str:
        if arguments.revision in _HEAD and await repository.is_unborn():
            return "The repository has no commits yet."
        ends = await _range(repository, arguments.revision)
        commits = [f"^{ends[0]}", ends[1]] if len(ends) == 2 else ends
        options = [f"--max-count={arguments.limit}", "--date=short", "--format=%h %ad %an: %s", "--no-patch", "--no-color"]
        globals_: list[str] = []
        if arguments.text is not None:
            # A search for the commits that contain a text would let an agent guess a secret letter by letter.
            options += [*_PATCH[1:3], f"-S{arguments.text}"]
            paths = [*paths, *_NO_SECRETS]
        elif arguments.path and not await asyncio.to_thread(_is_folder, repository, paths[0]):
            globals_, paths = ["--literal-pathspecs"], [f"./{paths[0].removeprefix(_LITERAL)}"]
            options.append("--follow")
        elif not arguments.path:
            paths = []
        return await _text(repository, *globals_, "log", *_QUIET, *options, *commits, "--", *paths)


def _is_folder(repository: Repository, pathspec: str) -> bool:
    return Path(repository.folder, pathspec.removeprefix(_LITERAL)).is_dir()


# -- git_show --------------------------------------------------------------------------------------------------------


class GitShowArguments(Arguments):
    revision: str = Field(description=_REVISION)
    path: str | None = Field(default=None, description="Show this file at that revision, instead of the changes of the commit.")


class GitShow(BaseTool[GitShowArguments]):
    name = "git_show"
    description = "Show a commit: its message and changes. With a path: that file at that revision."
    risk = "read"
    arguments = GitShowArguments

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def perform(self, arguments: GitShowArguments, call: ToolCall) -> str:  # noqa: ARG002
        with explained():
            if arguments.path is not None:
                return await self._file(arguments.path, arguments.revision)
            return await self._commit(_checked(arguments.revision))

    async def _commit(self, revision: str) -> str:
        found = (await self._workspace.repositories()).required()
        for _, repository in found:
            if (commit := await repository.commit(revision)) is not None:
                return await self._show(repository, commit)
        if len(found) == 1:
            await _required_commit(found[0][1], revision)
        raise ToolFailed(f"The git revision {revision[:60]!r} does not exist here. See git_log for commits.")

    async def _show(self, repository: Repository, commit: str) -> str:
        names = ["show", *_QUIET, *_ONE_PARENT, "--format=", "--name-only", "-z", "--no-renames", *_PATCH, commit]
        allowed, notice = await _allowed(self._workspace, repository, ["."], *names)
        head = await _text(repository, "show", *_QUIET, "--no-patch", "--format=fuller", "--no-color", commit)
        patch = await _text(
            repository, "show", *_QUIET, *_ONE_PARENT, "--format=", "--find-renames", *_PATCH, commit, "--", *allowed
        )
        return f"{head}\n{patch}{notice}"

    async def _file(self, path: str, revision: str) -> str:
        _, repository, name = await _locate(self._workspace, path)
        commit = await _required_commit(repository, revision)
        answer = await repository("cat-file", "blob", f"{commit}:./{name}", seconds=_SECONDS, limit=1 << 20)
        if answer.code != 0 and not answer.cut:
            raise ToolFailed(f"The file {path} does not exist at {revision}. git_log with this path shows when it changed.")
        if b"\0" in answer.output[:8192]:
            raise ToolFailed(f"{path} is a binary file at {revision}.")
        lines = answer.output.decode("utf-8", "replace").splitlines()
        return f"{path} at {commit[:12]}\n{numbered(enumerate(lines))}"
