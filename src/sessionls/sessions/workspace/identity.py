"""The identity of the workspace's folders for sessions: see `domain/scope.py` for the rule.

A folder is identified by its URI and by its real path. In a repository it is also identified by the repository and the path in
it, and a repository by what stays when its history changes:

- by its marker (see marker.py), which worktrees share, and which moves with it;
- by the address of its remote, which clones share; that is `origin`, or the only remote. A repository on this machine with a
  work tree is not such an address: two projects that begin as clones of one template are separate. They find the sessions of the
  template, and the template finds theirs.

First commits, by which older versions identified a repository, are a hint: they lead to a folder that no longer exists, or that
belongs to the same repository by the two rules above.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
import sys
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.scope import Scope, scope_of
from sessionls.sessions.workspace.git import Git, GitProblem
from sessionls.sessions.workspace.git_repository import Repository, find_repository
from sessionls.sessions.workspace.marker import MARKER, Marker, ensure_marker, read_marker
from sessionls.sessions.workspace.remotes import local_path, remote_name

__all__ = ["Identities", "OlderIdentities"]

OlderIdentities = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Returns identities as older versions wrote them (`git:<first commit>:<path>`), each with a folder of such a session."""

_CACHE_SECONDS = 15.0  # seconds for which a result is cached
_REMOTE = re.compile(r"(?P<name>[^\t]+)\t(?P<address>.*) \(fetch\)(?: \[.*\])?")
_GENERATIONS = 3  # clones of clones on this machine that are followed
_HINTS = 200  # first commits that are searched for


@dataclass(frozen=True, slots=True)
class _FolderIdentity:
    """A folder's scope, for queries, and what a session that begins there keeps of it."""

    scope: Scope
    kept: tuple[str, ...] = ()
    repository: Repository | None = None

    @property
    def marked(self) -> bool:
        """Whether a session that begins there needs nothing more: the repository, if there is one, has its marker."""
        return self.repository is None or any(identity.startswith("marker:") for identity in self.kept)


@dataclass(frozen=True, slots=True)
class _CachedIdentity:
    """A result that is cached until then (monotonic seconds), and the files that it was read from, as they were before."""

    identity: _FolderIdentity
    until: float
    files: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Origin:
    """The origins of a repository: `remotes` it shares with every clone, `folders` of repositories on this machine.

    `distant` are the remotes of those, nearest first.
    """

    remotes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    distant: tuple[str, ...] = ()


class Identities:
    """`inside` are the workspace's folders (paths). Results are cached for a while."""

    def __init__(self, git: Git, inside: Callable[[], Sequence[str]] = tuple, older: OlderIdentities | None = None) -> None:
        self._git = git
        self._inside = inside
        self._older = older
        self._found: dict[str, _CachedIdentity] = {}

    async def scope(self, folders: Iterable[str]) -> Scope:
        """The scope of these folders (URIs), for queries."""
        identities = await asyncio.gather(*(self._cached_identity(folder) for folder in dict.fromkeys(folders)))
        return _join_scopes(identity.scope for identity in identities)

    def known_scope(self, folders: Iterable[str]) -> Scope:
        """`scope`, as far as it is cached."""
        known = (self._found.get(folder) for folder in folders)
        return scope_of(folders) | _join_scopes(found.identity.scope for found in known if found is not None)

    async def keep(self, folders: Iterable[str]) -> list[str]:
        """The identities that a session stores when it begins in these folders (URIs). Marks their repositories."""
        identities = await asyncio.gather(*(self._marked_identity(folder) for folder in dict.fromkeys(folders)))
        return list(dict.fromkeys(key for identity in identities for key in identity.kept))

    async def _cached_identity(self, folder: str) -> _FolderIdentity:
        found = self._found.get(folder)
        return found.identity if found is not None and time.monotonic() < found.until else await self._identify(folder)

    async def _marked_identity(self, folder: str) -> _FolderIdentity:
        """The current identity. git is asked only if one of its files has changed since it was asked last."""
        found = self._found.get(folder)
        if found is not None and time.monotonic() < found.until and found.identity.marked:
            files = await asyncio.to_thread(_files, folder, found.identity.repository)
            if files == found.files:
                return found.identity
        return await self._identify(folder, mark=True)

    async def _identify(self, uri: str, *, mark: bool = False) -> _FolderIdentity:
        before = await asyncio.to_thread(_files, uri, None)
        identity = await self._read_identity(uri, mark=mark)
        files = await asyncio.to_thread(_files, uri, identity.repository)
        if any(files.get(path) != what for path, what in before.items()):
            files = {}  # something changed meanwhile: the next session reads it again
        self._found[uri] = _CachedIdentity(identity, time.monotonic() + _CACHE_SECONDS, files)
        return identity

    async def _read_identity(self, uri: str, *, mark: bool) -> _FolderIdentity:
        named = scope_of([uri])
        path = uris.to_path(uri)
        if path is None:
            return _FolderIdentity(named)
        real = await asyncio.to_thread(_true_path, path)
        here = named | Scope(frozenset({_key(real)}))
        try:
            repository = await find_repository(self._git, real, inside=self._inside(), strict=False)
        except GitProblem:
            return _identity_of(named, here)
        if (main := _top(repository.common)) is not None and main != repository.top:  # this is one of its worktrees
            here |= Scope(frozenset({_key(Path(main, repository.path))}))
        marker = await asyncio.to_thread(ensure_marker if mark else read_marker, repository.common)
        origin = await self._origin(repository)
        return await self._in_repository(named, here, repository, marker, origin)

    async def _in_repository(
        self, named: Scope, here: Scope, repository: Repository, marker: Marker | None, origin: _Origin
    ) -> _FolderIdentity:
        path = _comparable_path(repository.path)
        own = {f"marker:{marker.id}:{path}"} if marker is not None else set()
        own |= {f"remote:{_digest(remote)}:{path}" for remote in origin.remotes}
        from_folders = {_key(Path(folder, repository.path)) for folder in origin.folders}
        identity = _identity_of(named, here, own | {f"from:{folder}" for folder in from_folders})
        before = await asyncio.to_thread(marker.former_directories, repository.common) if marker is not None else []
        former = {_key(Path(top, repository.path)) for one in before if (top := _top(one)) is not None}
        folders = from_folders | former | await self._hinted_folders(repository, path, own)
        distant = {f"remote:{_digest(remote)}:{path}" for remote in origin.distant}
        more = own | distant | {f"from:{folder}" for folder in former}
        return _FolderIdentity(identity.scope | Scope(frozenset(folders), frozenset(more)), identity.kept, repository)

    # -- remotes -----------------------------------------------------------------------------------------------------

    async def _origin(self, repository: Repository) -> _Origin:
        address = await _remote(repository)
        if address is None:
            return _Origin()
        if (name := remote_name(address)) is not None:
            return _Origin((name,))
        path = local_path(address, repository.top)
        if path is None:
            return _Origin()
        if not await asyncio.to_thread(_has_files, path):  # like a server: everything from there is a clone
            return _Origin((f"file://{_key(path)}",))
        folders, distant = [path], list[str]()
        for _ in range(_GENERATIONS - 1):
            try:
                above = await find_repository(self._git, path, strict=False)
            except GitProblem:
                break
            address = await _remote(above)
            name = None if address is None else remote_name(address)
            path = None if address is None or name is not None else local_path(address, above.top)
            distant += [] if name is None else [name]
            if path is None or path in folders or not await asyncio.to_thread(_has_files, path):
                break
            folders.append(path)
        return _Origin((), tuple(folders), tuple(distant))

    # -- older versions ----------------------------------------------------------------------------------------------

    async def _hinted_folders(self, repository: Repository, path: str, own: set[str]) -> set[str]:
        """Folders of sessions of older versions that may have begun in this repository (see above)."""
        older = [] if self._older is None else await self._older()
        wanted: dict[str, set[str]] = {}
        for identity, folder in older:
            commit, _, inner_path = identity.removeprefix("git:").partition(":")
            if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit) and _comparable_path(inner_path) == path:
                wanted.setdefault(commit, set()).add(folder)
        found: set[str] = set()
        for commit in list(wanted)[:_HINTS]:
            if (await repository("cat-file", "-e", f"{commit}^{{commit}}", seconds=2)).code == 0:
                found |= {folder for folder in wanted[commit] if await self._is_ours(folder, own)}
        return {uris.uri_key(folder) for folder in found}

    async def _is_ours(self, folder: str, own: set[str]) -> bool:
        path = uris.to_path(folder)
        if path is None or not await asyncio.to_thread(os.path.lexists, path):
            return True
        try:
            other = await find_repository(self._git, path, strict=False)
        except GitProblem:
            return False
        marker = await asyncio.to_thread(read_marker, other.common)
        theirs = {f"marker:{marker.id}:" if marker is not None else ""}
        theirs |= {f"remote:{_digest(remote)}:" for remote in (await self._origin(other)).remotes}
        return any(identity.startswith(one) for identity in own for one in theirs if one)


def _files(uri: str, repository: Repository | None) -> dict[str, object]:
    """The state of the files that decide which repository a folder belongs to, and what its remotes are."""
    path = uris.to_path(uri)
    if path is None:
        return {}
    real = os.path.realpath(path)
    read = [folder / ".git" for folder in (Path(real), *Path(real).parents)]
    home = Path.home()
    read += [
        Path("/etc/gitconfig"),
        home / ".gitconfig",
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "git/config"),
    ]
    if repository is not None:
        read += [Path(repository.common, name) for name in ("config", MARKER)]
        read += [Path(repository.directory, "config.worktree")]
    return {path: real, **{str(file): _state(file) for file in read}}


def _state(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return None
    # (The time of a directory changes with every commit, its identity with every other repository.)
    is_file = stat.S_ISREG(status.st_mode)
    return status.st_dev, status.st_ino, *((status.st_mtime_ns, status.st_size) if is_file else ())


def _identity_of(named: Scope, here: Scope, own: Iterable[str] = ()) -> _FolderIdentity:
    """The scope of these folders. A session keeps those that it does not name anyway, and the identity of the repository."""
    # A repository that was cloned from one of these folders keeps `from:` and the folder.
    asked = Scope(here.folders, frozenset(f"from:{folder}" for folder in here.folders))
    kept = [f"folder:{folder}" for folder in sorted(here.folders - named.folders)]
    return _FolderIdentity(asked, (*kept, *sorted(own)))


def _join_scopes(scopes: Iterable[Scope]) -> Scope:
    joined = Scope()
    for scope in scopes:
        joined |= scope
    return joined


async def _remote(repository: Repository) -> str | None:
    """The address of the remote that identifies the repository."""
    answer = await repository("remote", "--verbose", seconds=2)
    lines = os.fsdecode(answer.output).split("\n") if answer.code == 0 else []
    found = {match["name"]: match["address"] for line in lines if (match := _REMOTE.fullmatch(line)) is not None}
    return found.get("origin", next(iter(found.values())) if len(found) == 1 else None)


def _has_files(path: str) -> bool:
    """Whether the path is a repository with a work tree, or no longer exists: not a bare repository, bundle or network share."""
    if path.startswith(("\\\\", "//")):
        return False
    return not path.lower().endswith(".git") and not Path(path).is_file() and not Path(path, "HEAD").is_file()


def _top(common: str) -> str | None:
    """The work tree of a git directory in its usual place."""
    path = Path(common)
    return str(path.parent) if path.name == ".git" else None


def _true_path(path: str) -> str:
    """The path without links, and as the file system spells it."""
    real = os.path.realpath(path)
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):
            descriptor = os.open(real, os.O_RDONLY)
            try:
                return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024).rstrip(b"\0"))
            finally:
                os.close(descriptor)
    return real


def _key(path: str | Path) -> str:
    return uris.uri_key(uris.from_path(os.path.normpath(path)))


def _comparable_path(path: str) -> str:
    """A path in a repository, normalised for file systems that ignore case or decompose accented letters."""
    return unicodedata.normalize("NFC", path).casefold() or "."


def _digest(remote: str) -> str:
    return hashlib.sha256(remote.encode("utf-8", "replace")).hexdigest()[:32]
