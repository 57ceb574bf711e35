"""The changes in the workspace's folders since a revision, as a diff of git."""

from __future__ import annotations

import os

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams
from sessionls.domain.text import replace_lone_surrogates
from sessionls.sessions.workspace.git import GitProblem, is_revision
from sessionls.sessions.workspace.git_repository import Repository
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["changes_since"]

_NAMES = 1 << 20  # bytes of names that are read
_MENTIONED = 20  # untracked files
_FLAGS = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--relative", "--ignore-submodules=dirty"),
    *("--inter-hunk-context=0", "--unified=3"),
)


async def changes_since(
    workspace: Workspace, base: str | None, *, field: str, limit: int, staged: bool = False
) -> tuple[str, list[str]]:
    """The changes of the working trees since `base` (default: `HEAD`), at most `limit` bytes, and notices about omissions.

    `staged`: those of the index instead.

    Omits secret and binary files, and mentions untracked ones. Raises `InvalidParams`, naming `field`, if no folder is in a
    repository that can be read, or none has the revision.
    """
    if base is not None and not is_revision(base):
        raise InvalidParams("base is not a git revision.", fields=[field], hint="Give a branch, a tag or a commit.")
    try:
        return await _changes(workspace, base, field, limit, staged)
    except GitProblem as problem:
        raise InvalidParams(str(problem), fields=[field], hint=problem.hint) from None


async def _changes(workspace: Workspace, base: str | None, field: str, limit: int, staged: bool) -> tuple[str, list[str]]:
    repositories = await workspace.repositories()
    texts: list[str] = []
    notices = repositories.notices()
    has_revision = False
    for label, repository in repositories.required():
        commit = await repository.base(base)
        if commit is None:
            continue
        has_revision = True
        prefix = f"{label}/" if len(repositories.found) + len(repositories.problems) > 1 else ""
        text, folder_notices = await _of_folder(workspace, repository, commit, prefix, limit, field, staged)
        texts.append(text)
        notices += folder_notices
        limit = max(limit - len(text.encode()), 0)
    if not has_revision:
        raise InvalidParams(
            f"There is no git revision {base or 'HEAD'!r}.", fields=[field], hint="Give a branch, a tag or a commit."
        )
    if not any(texts):
        notices.insert(0, f"Nothing {'is staged that has' if staged else 'has'} changed since {base or 'HEAD'}.")
    return "".join(texts), notices


async def _of_folder(
    workspace: Workspace, repository: Repository, commit: str, prefix: str, limit: int, field: str, staged: bool
) -> tuple[str, list[str]]:
    staged_option = ["--cached"] if staged else []
    safe_options = await repository.safe_options()
    names = await repository(
        *(*safe_options, "diff", *staged_option, "--name-only", "-z", "--no-renames", *_FLAGS, commit, "--", "."), limit=_NAMES
    )
    if names.code != 0:
        raise _git_failed(field)
    secret = [name for name in _split(names.output) if workspace.withheld(name)]
    arguments = [
        "diff",
        *staged_option,
        "--find-renames",
        *_FLAGS,
        f"--src-prefix=a/{prefix}",
        f"--dst-prefix=b/{prefix}",
        commit,
        "--",
        ".",
    ]
    excluded = [f":(exclude,literal){name}" for name in secret]
    patch = await repository(*safe_options, *arguments, *excluded, limit=limit)
    if patch.code != 0 and not patch.cut:
        raise _git_failed(field)
    text = replace_lone_surrogates(patch.output.decode("utf-8", "replace"))
    notices = []
    if patch.cut:
        text = text[: text.rfind("\n") + 1]
        notices.append("The diff was too long: only its beginning is shown.")
    if secret:
        notices.append(f"Withheld: {len(secret)} changed file(s) that may contain secrets.")
    if staged:
        return text, notices
    untracked = await repository("ls-files", "--others", "--exclude-standard", "-z", "--", ".", limit=_NAMES)
    new = [uris.printable(f"{prefix}{name}") for name in _split(untracked.output) if not workspace.withheld(name)]
    if new:
        more = f" and {len(new) - _MENTIONED} more" if len(new) > _MENTIONED else ""
        notices.append(f"Untracked files, not in the diff: {', '.join(new[:_MENTIONED])}{more}.")
    return text, notices


def _git_failed(field: str) -> InvalidParams:
    return InvalidParams("git took too long or failed.", fields=[field], hint="Send the files themselves, or try again.")


def _split(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]
