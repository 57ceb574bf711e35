"""What changed in the workspace's folders since a revision, as `git diff` tells it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams
from sessionls.domain.text import sound
from sessionls.sessions.workspace.identity import NO_GIT, Git
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["changes_since"]

_SECONDS = 10.0
_NAMES = 1 << 20  # bytes of names that are read
_MENTIONED = 20  # untracked files
_FLAGS = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--relative", "--ignore-submodules=dirty"),
    *("--inter-hunk-context=0", "--unified=3"),
)


async def changes_since(
    workspace: Workspace, base: str | None, *, field: str, limit: int, staged: bool = False
) -> tuple[str, list[str]]:
    """The changes of the working trees since `base` (`HEAD` where None), at most `limit` bytes, and notices on what is missing.

    `staged`: those of the index instead.

    Withheld and binary files are left out, untracked ones mentioned. Raises `InvalidParams`, naming `field`, where no folder
    lies in a repository or none knows the revision.
    """
    revision = "HEAD" if base is None else base
    if not revision or revision.startswith("-") or len(revision) > 200 or not revision.isprintable():
        raise InvalidParams("base is no git revision.", fields=[field], hint="Give a branch, a tag or a commit.")
    texts: list[str] = []
    notices: list[str] = []
    known = False
    folders = _outermost(workspace.folders)
    for folder, label in zip(folders, uris.labels(folders), strict=True):
        path = uris.to_path(folder)
        commit = None if path is None else await _commit(workspace.git, path, revision)
        if path is None or commit is None:
            continue
        known = True
        prefix = f"{label}/" if len(folders) > 1 else ""
        text, more = await _of_folder(workspace, path, commit, prefix, limit, field, staged)
        texts.append(text)
        notices += more
        limit = max(limit - len(text.encode()), 0)
    if not known:
        raise await _unknown(workspace.git, folders, base, field)
    if not any(texts):
        notices.insert(0, f"Nothing {'is staged that has' if staged else 'has'} changed since {revision}.")
    return "".join(texts), notices


async def _commit(git: Git, path: str, revision: str) -> str | None:
    answer = await git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", seconds=_SECONDS)
    commit = answer.output.decode("ascii", "replace").strip()
    return commit if answer.code == 0 and commit.isalnum() else None


async def _of_folder(
    workspace: Workspace, path: str, commit: str, prefix: str, limit: int, field: str, staged: bool
) -> tuple[str, list[str]]:
    what = ["--cached"] if staged else []
    git = workspace.git
    inert = await git.inert(path)
    if inert is None:
        hint = "Use git 2.31 or newer, and try again, or send the files themselves."
        raise InvalidParams("git could not tell its configuration.", fields=[field], hint=hint)
    names = await git(
        *(path, *inert, "diff", *what, "--name-only", "-z", "--no-renames", *_FLAGS, commit, "--", "."),
        seconds=_SECONDS,
        limit=_NAMES,
    )
    if names.code != 0:
        raise _too_much(field)
    secret = [name for name in _split(names.output) if workspace.withheld(name)]
    arguments = [
        "diff",
        *what,
        "--find-renames",
        *_FLAGS,
        f"--src-prefix=a/{prefix}",
        f"--dst-prefix=b/{prefix}",
        commit,
        "--",
        ".",
    ]
    excluded = [f":(exclude,literal){name}" for name in secret]
    patch = await git(path, *inert, *arguments, *excluded, seconds=_SECONDS, limit=limit)
    if patch.code != 0 and not patch.cut:
        raise _too_much(field)
    text = sound(patch.output.decode("utf-8", "replace"))
    notices = []
    if patch.cut:
        text = text[: text.rfind("\n") + 1]
        notices.append("The diff was too long: only its beginning is shown.")
    if secret:
        notices.append(f"Withheld: {len(secret)} changed file(s) that may hold secrets.")
    if staged:
        return text, notices
    untracked = await git(path, "ls-files", "--others", "--exclude-standard", "-z", "--", ".", seconds=_SECONDS, limit=_NAMES)
    new = [uris.printable(f"{prefix}{name}") for name in _split(untracked.output) if not workspace.withheld(name)]
    if new:
        more = f" and {len(new) - _MENTIONED} more" if len(new) > _MENTIONED else ""
        notices.append(f"Untracked files, not in the diff: {', '.join(new[:_MENTIONED])}{more}.")
    return text, notices


async def _unknown(git: Git, folders: Sequence[str], base: str | None, field: str) -> InvalidParams:
    paths = [path for folder in folders if (path := uris.to_path(folder)) is not None]
    for path in paths:
        if (await git(path, "rev-parse", "--git-dir")).code == 0:
            if base is None:
                return InvalidParams(
                    "The repository has no commit yet: there is no diff.", fields=[field], hint="Send the files."
                )
            return InvalidParams(f"There is no git revision {base!r}.", fields=[field], hint="Give a branch, a tag or a commit.")
    if not await git.installed():
        return InvalidParams(NO_GIT, fields=[field], hint="Install git, or send the files themselves.")
    hint = "Open a folder that lies in one, or send the files themselves."
    return InvalidParams("No workspace folder lies in a git repository.", fields=[field], hint=hint)


def _too_much(field: str) -> InvalidParams:
    return InvalidParams("git took too long or failed.", fields=[field], hint="Send the files themselves, or try again.")


def _split(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _outermost(folders: Sequence[str]) -> list[str]:
    """The folders that lie in no other one: their changes are those of the outer one."""
    paths = [(folder, Path(path)) for folder in folders if (path := uris.to_path(folder)) is not None]
    return [folder for folder, path in paths if not any(other in path.parents for _, other in paths)]
