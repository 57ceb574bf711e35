"""Who takes part: the person at this editor or terminal."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import subprocess
from pathlib import Path

from sessionls.sessions.model import Participant

__all__ = ["local_participant", "participant"]

# git answers in a few milliseconds; a home on a network drive that is away must not hold anyone up.
_PATIENCE = 2.0  # seconds


def participant(name: str, email: str | None = None) -> Participant:
    """A participant whose id is the same wherever this person is: made from the e-mail address, else from the name."""
    key = f"email:{email.casefold()}" if email else f"name:{name}"
    return Participant(id=f"p-{hashlib.sha256(key.encode()).hexdigest()[:16]}", name=name, email=email)


async def local_participant(folder: Path | None = None, *, name: str | None = None, email: str | None = None) -> Participant:
    """The person here: as given, else as `git config` says in `folder`, else by the login name."""
    if name is None:  # an e-mail address of git's belongs to git's name: another name goes without it
        configured = await asyncio.to_thread(_git_identity, folder)
        name, email = configured.get("user.name"), email or configured.get("user.email")
    if name is None:
        name = email.partition("@")[0] if email else await asyncio.to_thread(_login)
    return participant(name, email)


def _git_identity(folder: Path | None) -> dict[str, str]:
    """`user.name` and `user.email` of git, as far as they are set; nothing where git does not answer."""
    try:
        done = subprocess.run(
            ["git", "config", "--null", "--get-regexp", r"^user\.(name|email)$"],  # noqa: S607  # git is where PATH says
            cwd=folder if folder is not None and folder.is_dir() else None,
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
