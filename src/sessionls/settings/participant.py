"""Who takes part: the person at this editor or terminal."""

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
_PATIENCE = 2.0  # seconds


def participant(name: str, email: str | None = None) -> Participant:
    """A participant whose id is the same on every machine: it is derived from the e-mail address, else from the name."""
    key = f"email:{email.casefold()}" if email else f"name:{name}"
    digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
    return Participant(id=f"p-{digest}", name=name, email=email)


async def local_participant(*folders: Path, name: str | None = None, email: str | None = None) -> Participant:
    """The person here: as given, else as `git config` says in the first of the workspace's folders, else by the login name."""
    if name is None:  # an e-mail address of git's belongs to git's name: another name goes without it
        configured = await _git_identity(folders)
        name, email = configured.get("user.name"), email or configured.get("user.email")
    if name is None:
        name = email.partition("@")[0] if email else await asyncio.to_thread(_login)
    return participant(name, email)


async def _git_identity(folders: Sequence[Path]) -> dict[str, str]:
    """`user.name` and `user.email` of git, as far as they are set; nothing where git does not answer."""
    first = next(iter(folders), None)
    folder = first if first is not None and await asyncio.to_thread(first.is_dir) else None
    git = Git(lambda: folders)
    answer = await git(
        None if folder is None else str(folder), "config", "--null", "--get-regexp", r"^user\.(name|email)$", seconds=_PATIENCE
    )
    entries = (entry.partition("\n") for entry in answer.output.decode("utf-8", "replace").split("\0"))
    return {key: value.strip() for key, _, value in entries if value.strip()}


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name: a container with a bare user id
        return "someone"
