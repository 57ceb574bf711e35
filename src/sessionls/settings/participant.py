"""Who takes part: the person at this editor or terminal."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sessionls.domain.model import Participant
from sessionls.environment import child_environment
from sessionls.installed import find_git

__all__ = ["local_participant", "participant"]

# git answers in a few milliseconds; a home on a network drive that is away must not hold anyone up.
_PATIENCE = 2.0  # seconds


def participant(name: str, email: str | None = None) -> Participant:
    """A participant whose id is the same wherever this person is: made from the e-mail address, else from the name."""
    key = f"email:{email.casefold()}" if email else f"name:{name}"
    return Participant(id=f"p-{hashlib.sha256(key.encode()).hexdigest()[:16]}", name=name, email=email)


async def local_participant(*folders: Path, name: str | None = None, email: str | None = None) -> Participant:
    """The person here: as given, else as `git config` says in the first of the workspace's folders, else by the login name."""
    if name is None:  # an e-mail address of git's belongs to git's name: another name goes without it
        configured = await asyncio.to_thread(_git_identity, folders)
        name, email = configured.get("user.name"), email or configured.get("user.email")
    if name is None:
        name = email.partition("@")[0] if email else await asyncio.to_thread(_login)
    return participant(name, email)


def _git_identity(folders: Sequence[Path]) -> dict[str, str]:
    """`user.name` and `user.email` of git, as far as they are set; nothing where git does not answer."""
    git = find_git(never_in=folders)
    if git is None:
        return {}
    try:
        done = subprocess.run(  # noqa: S603
            [git, "config", "--null", "--get-regexp", r"^user\.(name|email)$"],
            cwd=folders[0] if folders and folders[0].is_dir() else None,
            env=child_environment(),
            stdin=subprocess.DEVNULL,  # a language server's own stdin is the wire
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    entries = (entry.partition("\n") for entry in done.stdout.decode("utf-8", "replace").split("\0"))
    return {key: value.strip() for key, _, value in entries if value.strip()}


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name: a container with a bare user id
        return "someone"
