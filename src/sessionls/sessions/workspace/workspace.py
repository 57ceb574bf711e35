"""The workspace: its folders, what may be read in them, and the text of documents as the editor has them.

The editor decides for open files: an open buffer comes before the file on disk. Nothing outside the workspace's folders is read,
whatever path, URI or symbolic link leads there, and no secret file (see `secret_files.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.domain.scope import Scope
from sessionls.domain.text import cut_bytes, replace_lone_surrogates
from sessionls.domain.visible import meant
from sessionls.ports.editor import Buffer, Buffers, RemoteBuffers
from sessionls.sessions.workspace.files import LARGEST, FileText, matches_editor_text, read_bytes, read_file
from sessionls.sessions.workspace.git import Git, GitProblem, problem_of
from sessionls.sessions.workspace.git_repository import Repository, find_repository
from sessionls.sessions.workspace.identity import Identities, OlderIdentities
from sessionls.sessions.workspace.languages import language_of
from sessionls.sessions.workspace.secret_files import is_withheld

__all__ = ["LIMIT", "Document", "Repositories", "ResolvedFile", "Workspace"]

LIMIT: Final = 1 << 20
"""The default limit for the text of a document, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """A path in the workspace, whether the file exists or not.

    `path` is the real path, free of symbolic links; `root` that of its folder; `name` the path from there, with `/`. `uri` and
    `display` are the names that people know. Neither `path` nor `root` may be shown to anyone.
    """

    uri: str
    path: Path
    root: Path
    name: str
    display: str


@dataclass(frozen=True, slots=True)
class Repositories:
    """The repositories of the workspace's folders, by the folder's label, and why git cannot answer for the others."""

    found: tuple[tuple[str, Repository], ...]
    problems: tuple[tuple[str, GitProblem], ...]

    def required(self) -> tuple[tuple[str, Repository], ...]:
        """The repositories. Raises the most informative `GitProblem` if there are none."""
        if self.found:
            return self.found
        problems = [problem for _, problem in self.problems]
        informative = [problem for problem in problems if problem.cause != "none"]
        raise next(iter([*informative, *problems]), problem_of("not a git repository"))

    def notices(self) -> list[str]:
        """Notices about folders whose repositories cannot be read. (A folder without a repository needs none.)"""
        return [f"{label}: {problem} {problem.hint}" for label, problem in self.problems if problem.cause != "none"]


@dataclass(frozen=True, slots=True)
class Document:
    """The current text of a document.

    `path` is for display. `version` is the editor's number for an open buffer, `dirty` says that the buffer differs from
    the disk, `sha256` is the hash of the whole text in UTF-8, even if `text` was cut (then `notice` says so). `bom`: the file
    on disk begins with a byte order mark, which `text` does not include. `buffer`: it is open in the editor.
    """

    uri: str
    path: str
    text: str
    version: int | None
    dirty: bool
    sha256: str
    language: str | None
    notice: str | None = None
    bom: bool = False
    buffer: bool = False


class Workspace:
    """What may be read in the editor's folders, and how. `withheld` are globs of more files to treat as secret.

    The folders are read from the editor each time: they change while it runs.
    """

    def __init__(
        self,
        editor: Buffers,
        *,
        withheld: Sequence[str] = (),
        limit: int = LIMIT,
        trusted: Callable[[], bool] = lambda: False,
        older: OlderIdentities | None = None,
    ) -> None:
        self._editor = editor
        self._trusted = trusted
        self._withheld = tuple(withheld)
        self._limit = limit
        self.git = Git(lambda: [Path(path) for path in self._paths()])
        self._identities = Identities(self.git, self._paths, older)

    @property
    def folders(self) -> tuple[str, ...]:
        """URIs of the open workspace folders."""
        return tuple(self._editor.folders)

    def display(self, uri: str) -> str:
        """The name of a document for people and models (see `uris.display`)."""
        return uris.display(uri, self.folders)

    def withheld(self, name: str) -> bool:
        """Whether the file with that path from its folder (with `/`) is secret: for tools that list and search."""
        return is_withheld(name, self._withheld)

    async def scope(self, folders: Sequence[str]) -> Scope:
        """The scope of these folders (URIs), for queries: see `Scope`."""
        return await self._identities.scope(folders)

    def known_scope(self, folders: Sequence[str]) -> Scope:
        """`scope`, as far as it is cached."""
        return self._identities.known_scope(folders)

    async def identities(self, folders: Sequence[str]) -> list[str]:
        """The identities that a session stores when it begins in these folders (URIs). Marks the repositories (see marker.py)."""
        return await self._identities.keep(folders)

    # -- git ---------------------------------------------------------------------------------------------------------

    async def repository(self, folder: str) -> Repository:
        """The repository of a folder (a path) of the workspace. Raises `GitProblem`."""
        return await find_repository(self.git, folder, inside=self._paths(), strict=not self._trusted())

    async def repositories(self) -> Repositories:
        """The repositories of the workspace's folders. A folder inside another one belongs to that one."""
        folders = await asyncio.to_thread(self._outermost)
        found: list[tuple[str, Repository]] = []
        problems: list[tuple[str, GitProblem]] = []
        for path, label in folders:
            try:
                found.append((label, await self.repository(path)))
            except GitProblem as problem:
                problems.append((label, problem))
        return Repositories(tuple(found), tuple(problems))

    def _outermost(self) -> list[tuple[str, str]]:
        """The real paths and labels of the folders that are not inside another one."""
        folders = self.folders
        labeled = zip(folders, uris.labels(folders), strict=True)
        real = [(Path(os.path.realpath(path)), label) for uri, label in labeled if (path := uris.to_path(uri)) is not None]
        return [(str(path), label) for path, label in real if not any(other in path.parents for other, _ in real)]

    def _paths(self) -> list[str]:
        return [path for uri in self._editor.folders if (path := uris.to_path(uri)) is not None]

    # -- paths --------------------------------------------------------------------------------------------------------

    async def resolve(self, what: str) -> ResolvedFile:
        """`locate`, away from the event loop."""
        return await asyncio.to_thread(self.locate, what)

    def locate(self, what: str) -> ResolvedFile:
        """Resolve a URI or path: absolute, relative to the folder, or as `display` writes it. It need not exist.

        Touches the disk: not for the event loop. Raises `NotPermitted` for a path outside of every folder, or a secret file.
        """
        candidates = self._candidates(what)
        if not uris.is_uri(what) and (unescaped := meant(what)) != what:  # a name with hidden characters, as it was shown
            candidates += self._candidates(unescaped)
        inside = [file for path in candidates if (file := self._resolve_in_folders(what, path)) is not None]
        if not inside:
            raise _outside_error(what)
        # A relative path may be in several folders: take the one where it exists.
        file = next((file for file in inside if os.path.lexists(file.path)), inside[0])
        for name in (file.name, file.display, uris.path_of(what).rpartition("/")[2]):
            self.refuse_withheld(what, name)
        return file

    def _candidates(self, what: str) -> list[Path]:
        """The absolute paths that `what` may mean, best first."""
        if "\0" in what or not what:
            raise InvalidParams("That is not a path.", fields=["uri"])
        if uris.is_uri(what):
            path = uris.to_path(what)
            return [] if path is None else [Path(path)]
        if Path(what).is_absolute():
            return [Path(what)]
        folders = self.folders
        roots = [uris.to_path(folder) for folder in folders]
        relative = what.replace("\\", "/") if os.name == "nt" else what
        paths = []
        if len(folders) > 1:
            for label, root in zip(uris.labels(folders), roots, strict=True):
                if root is not None and (relative == label or relative.startswith(f"{label}/")):
                    paths.append(Path(root, relative[len(label) + 1 :]))
        paths += [Path(root, relative) for root in roots if root is not None]
        return paths

    def _resolve_in_folders(self, what: str, path: Path) -> ResolvedFile | None:
        """Resolve an absolute path, in the innermost folder that contains it; None outside."""
        best: ResolvedFile | None = None
        try:
            real = os.path.realpath(path)
            for folder in self.folders:
                root = uris.to_path(folder)
                top = None if root is None else os.path.realpath(root)
                if root is None or top is None or (best is not None and len(str(best.root)) >= len(top)):
                    continue
                name = _relative_name(real, top)
                if name is not None:
                    known = uris.from_path(_display_path(path, root, real, name))
                    uri = what if uris.is_uri(what) else known
                    best = ResolvedFile(uri, Path(real), Path(top), name, self.display(known))
        except (OSError, ValueError):  # not a path, or a link that was removed just now
            return None
        return best

    def refuse_withheld(self, what: str, name: str) -> None:
        """Raise `NotPermitted`, calling the document `what`, if its path `name` is secret."""
        if self.withheld(name):
            raise NotPermitted(
                f"{what} is withheld: files that hold keys or passwords, and git's own data, are never read or sent.",
                hint="Copy the part that matters into the message itself.",
                uri=what,
            )

    # -- texts -------------------------------------------------------------------------------------------------------

    def buffer(self, file: ResolvedFile) -> Buffer | None:
        """The editor's open buffer of that file, with any spelling of its URI."""
        known = (file.uri, *uris.spellings(uris.to_path(file.uri) or file.path), *uris.spellings(file.path))
        return next((buffer for uri in dict.fromkeys(known) if (buffer := self._editor.buffer(uri)) is not None), None)

    def is_open(self, uri: str) -> bool:
        """Whether the editor has a buffer with exactly that URI."""
        return self._editor.buffer(uri) is not None

    async def read(self, what: str, *, limit: int | None = None) -> Document:
        """The document of that URI or path: the editor's open buffer, unsaved changes included, else the file on disk.

        More than `limit` bytes (default: the workspace's own) are cut at the end of a line, with a notice. Raises
        `NotPermitted` for a file that is outside, secret or not regular, `InvalidParams` for one that does not exist, is not
        text, or is too large to be read at all.
        """
        limit = self._limit if limit is None else limit
        open_buffer = self._editor.buffer(what) if uris.is_uri(what) else None
        if open_buffer is not None and (uris.to_path(what) is None or not self.folders):
            # The editor's documents that are not files of a folder (untitled:, a notebook's cell, a lone file).
            return await asyncio.to_thread(self._document_outside_folders, open_buffer, limit)
        file = await self.resolve(what)
        await self._refresh([file.uri])
        buffer = self.buffer(file)
        return await asyncio.to_thread(self._document, what, file, buffer, limit)

    async def read_bytes(self, what: str, *, limit: int) -> tuple[str, bytes | None]:
        """The URI and the bytes on disk of that URI or path; None instead of the bytes if they are more than `limit`.

        Raises `NotPermitted` and `InvalidParams` as `read` does.
        """
        file = await self.resolve(what)
        return file.uri, await asyncio.to_thread(read_bytes, file.root, file.name, what=what, limit=limit)

    async def unsaved(self, uris_: Sequence[str]) -> list[str]:
        """The display names of the open documents in the folders that differ from their files."""
        await self._refresh(uris_)
        buffers = [buffer for uri in uris_ if uris.to_path(uri) is not None and (buffer := self._editor.buffer(uri)) is not None]

        def differs(buffer: Buffer) -> bool:
            try:
                return self._document(buffer.uri, self.locate(buffer.uri), buffer, 0).dirty
            except SessionlsError:  # outside the folders, or secret
                return False

        return await asyncio.to_thread(lambda: sorted({self.display(buffer.uri) for buffer in buffers if differs(buffer)}))

    async def _refresh(self, uris_: Sequence[str]) -> None:
        if isinstance(self._editor, RemoteBuffers):
            await asyncio.gather(*(self._editor.refresh(uri) for uri in uris_))

    def _document_outside_folders(self, buffer: Buffer, limit: int) -> Document:
        """An open buffer that is not in a folder."""
        path = uris.to_path(buffer.uri)
        if path is None:
            self.refuse_withheld(buffer.uri, uris.path_of(buffer.uri))
            return _buffer_document(buffer, self.display(buffer.uri), None, limit)
        real = Path(os.path.realpath(path))
        file = ResolvedFile(buffer.uri, real, real.parent, real.name, buffer.uri)
        for known in (real, Path(path)):
            self.refuse_withheld(buffer.uri, "/".join(known.parts[1:]))
        return self._document(buffer.uri, file, buffer, limit)

    def _document(self, what: str, file: ResolvedFile, buffer: Buffer | None, limit: int) -> Document:
        if buffer is not None:
            try:
                disk = read_file(file.root, file.name, what=what, limit=LARGEST)
            except SessionlsError:  # deleted, unreadable, or not text: only the buffer has it
                disk = None
            document = _buffer_document(buffer, file.display, disk, limit)
            if document.dirty and matches_editor_text(file.root, file.name, buffer.text, line_ends=buffer.line_ends):
                return replace(document, dirty=False)
            return document
        disk = read_file(file.root, file.name, what=what, limit=limit)
        language = language_of(file.uri)
        return Document(
            file.uri,
            file.display,
            disk.text,
            None,
            dirty=False,
            sha256=disk.sha256,
            language=language,
            notice=disk.notice,
            bom=disk.bom,
        )


def _relative_name(path: str, top: str) -> str | None:
    """The path from `top` (both real), with `/`, `.` for `top` itself; None for a path outside."""
    try:
        relative = os.path.relpath(path, top)
    except ValueError:  # another drive
        return None
    name = relative.replace(os.sep, "/")
    return None if name == ".." or name.startswith("../") else name


def _display_path(path: Path, root: str, real: str, name: str) -> str:
    """The path as people write it: with the editor's name of the folder, and with symbolic links that lead to the same file."""
    written = os.path.normpath(path)
    if _relative_name(written, os.path.normpath(root)) is not None and os.path.realpath(written) == real:
        return written
    return os.path.normpath(Path(root, *name.split("/")))


def _outside_error(what: str) -> NotPermitted:
    return NotPermitted(
        f"{what} is outside of the workspace folders.",
        hint="Open its folder in the editor, or copy the part that matters into the message itself.",
        uri=what,
    )


def _buffer_document(buffer: Buffer, path: str, disk: FileText | None, limit: int) -> Document:
    text = replace_lone_surrogates(buffer.text)
    whole = text.encode()
    digest = hashlib.sha256(whole).hexdigest()
    kept, notice = cut_bytes(whole, limit)
    return Document(
        uri=buffer.uri,
        path=path,
        text=text if notice is None else kept,
        version=buffer.version,
        dirty=disk is None or disk.sha256 != digest,
        sha256=digest,
        language=buffer.language or language_of(buffer.uri),
        notice=notice,
        bom=disk is not None and disk.bom,
        buffer=True,
    )
