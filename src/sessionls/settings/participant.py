"""The local participant: the person at this editor or terminal."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sessionls.domain.model import Participant
from sessionls.sessions.workspace.git import Git

__all__ = ["local_participant", "participant"]

# git answers in a few milliseconds; a home on a disconnected network drive must not block the start.
_GIT_SECONDS = 2.0


def participant(name: str, email: str | None = None) -> Participant:
    """A participant whose id is the same on every machine: it is derived from the e-mail address, else from the name."""
    key = f"email:{email.casefold()}" if email else f"name:{name}"
    digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
    return Participant(id=f"p-{digest}", name=name, email=email)


async def local_participant(*folders: Path, name: str | None = None, email: str | None = None) -> Participant:
    """The local person: `name` and `email`, else those of `git config` in the first workspace folder, else the login name."""
    if name is None:  # git's e-mail address belongs to git's name, so it is not combined with another name
        configured = await _git_identity(folders)
        name, email = configured.get("user.name"), email or configured.get("user.email")
    if name is None:
        name = email.partition("@")[0] if email else await asyncio.to_thread(_login)
    return participant(name, email)


async def _git_identity(folders: Sequence[Path]) -> dict[str, str]:
    """`user.name` and `user.email` of git, if they are set; empty if git does not answer."""
    first = next(iter(folders), None)
    folder = first if first is not None and await asyncio.to_thread(first.is_dir) else None
    git = Git(lambda: folders)
    answer = await git(
        None if folder is None else str(folder), "config", "--null", "--get-regexp", r"^user\.(name|email)$", seconds=_GIT_SECONDS
    )
    entries = (entry.partition("\n") for entry in answer.output.decode("utf-8", "replace").split("\0"))
    return {key: value.strip() for key, _, value in entries if value.strip()}


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name: a container with a bare user id
        return "someone"
