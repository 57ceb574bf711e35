"""The `Editor` port over the Agent Client Protocol: if the client lets us read its files, its text replaces that on disk.

The protocol does not announce open buffers. So before a document is read, the client is asked for its text. If that differs from
the disk, it is a buffer with unsaved changes.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from acp.exceptions import RequestError

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.domain.permission import Answer, Question
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome
from sessionls.sessions.workspace.file_edits import edited_text, write_changes
from sessionls.sessions.workspace.files import LARGEST, FileText, matches_editor_text, read_file
from sessionls.sessions.workspace.secret_files import is_withheld

__all__ = ["AcpEditor", "ClientFiles"]

log = logging.getLogger("sessionls")

_SECONDS: Final = 10.0  # timeout for one file
_KEPT = 100  # documents with unsaved changes


class ClientFiles(Protocol):
    """The client's file system. Raises `RequestError` if the client refuses, `TimeoutError`, `ConnectionError`."""

    @property
    def reads(self) -> bool: ...
    @property
    def writes(self) -> bool: ...
    async def read(self, folders: Sequence[str], path: str) -> str: ...
    async def write(self, folders: Sequence[str], path: str, text: str) -> None: ...


class AcpEditor:
    """The folders of one workspace, and the client's text of their files. Positions count code points.

    `refresh` is called before a document is read (see `RemoteBuffers`).
    """

    def __init__(self, folders: Sequence[str], files: ClientFiles) -> None:
        self._folders = tuple(folders)
        self._files = files
        self._buffers: OrderedDict[str, Buffer] = OrderedDict()  # by URI key: documents that differ from the disk
        self._version = 0

    @property
    def encoding(self) -> Literal["utf-8", "utf-16", "utf-32"]:
        return "utf-32"

    @property
    def folders(self) -> Sequence[str]:
        return self._folders

    def buffer(self, uri: str) -> Buffer | None:
        return self._buffers.get(uris.uri_key(uri))

    def open_documents(self) -> Sequence[str]:
        """The documents that are known to have unsaved changes."""
        return [buffer.uri for buffer in self._buffers.values()]

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()

    async def save(self, uris: Sequence[str]) -> frozenset[str]:  # noqa: ARG002
        return frozenset()  # a client saves the files that are written through it

    async def ask(self, question: Question) -> Answer | None:  # noqa: ARG002
        """Asks nobody: the client gets the question through the session's events (see `permissions.py`)."""
        return None

    # -- the client's text -------------------------------------------------------------------------------------------

    async def refresh(self, uri: str) -> None:
        """Read the client's text of a document. If the client does not answer, the text that was read before is used."""
        try:
            await self._fetch_text(uri)
        except (TimeoutError, ConnectionError) as error:
            log.warning("The client did not return the text of a document: %s", str(error) or "no answer in time")

    async def _fetch_text(self, uri: str) -> str | None:
        """The client's text; None if it has no such file or shares none. Text that differs from the disk is kept."""
        path = uris.to_path(uri)
        if not self._files.reads or path is None:
            return None
        try:
            async with asyncio.timeout(_SECONDS):
                text = await self._files.read(self._folders, path)
        except RequestError:  # the file does not exist, or is outside the client's project
            self._buffers.pop(uris.uri_key(uri), None)
            return None
        if await asyncio.to_thread(_is_on_disk, path, text):
            self._buffers.pop(uris.uri_key(uri), None)
        else:
            self._keep(uri, text)
        return text

    def _keep(self, uri: str, text: str) -> None:
        key = uris.uri_key(uri)
        known = self._buffers.get(key)
        if known is None or known.text != text:
            self._version += 1
            self._buffers[key] = Buffer(uri, text, self._version)
        self._buffers.move_to_end(key)
        while len(self._buffers) > _KEPT:
            self._buffers.popitem(last=False)

    # -- changes -----------------------------------------------------------------------------------------------------

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:  # noqa: ARG002
        """Write through the client if it supports that and has the file, else to disk. Permission was granted before."""
        return await asyncio.shield(self._apply(changes))

    async def _apply(self, changes: Sequence[DocumentChange]) -> EditOutcome:
        for change in changes:
            outcome = await self._apply_one(change)
            if not outcome.applied:
                return outcome
        return EditOutcome(applied=True)

    async def _apply_one(self, change: DocumentChange) -> EditOutcome:
        folders = [Path(path) for uri in self._folders if (path := uris.to_path(uri)) is not None]
        path = uris.to_path(change.uri)
        if path is None:
            return EditOutcome(applied=False, reason="It is not a file.")
        try:
            text = await self._fetch_text(change.uri)
        except (TimeoutError, ConnectionError):
            return EditOutcome(applied=False, reason="The editor does not answer, so the file may have unsaved changes.")
        if self.buffer(change.uri) is not None:
            return EditOutcome(
                applied=False, reason=_UNSAVED if change.kind == "edit" else "It has unsaved changes in the editor."
            )
        through_client = self._files.writes and (
            text is not None if change.kind == "edit" else await asyncio.to_thread(_can_be_created, path)
        )
        if change.kind == "delete" or not through_client:
            return await asyncio.to_thread(write_changes, folders, [change], self.encoding)
        try:
            new = await asyncio.to_thread(_new_text, folders, path, change)
        except SessionlsError as error:
            return EditOutcome(applied=False, reason=error.message)
        except OSError as error:
            return EditOutcome(applied=False, reason=f"It cannot be read: {os.strerror(error.errno or 0)}.")
        if new is None:
            return EditOutcome(applied=False, reason="The file has changed or is outside the workspace folders. Read it again.")
        return await self._write(path, new, change, folders)

    async def _write(self, path: str, text: str, change: DocumentChange, folders: Sequence[Path]) -> EditOutcome:
        try:
            async with asyncio.timeout(_SECONDS * 3):
                await self._files.write(self._folders, path, text)
        except RequestError as error:
            if change.kind == "create" and not await asyncio.to_thread(Path(path).exists):
                return await asyncio.to_thread(write_changes, folders, [change], self.encoding)
            return EditOutcome(applied=False, reason=uris.printable(str(error))[:300] or "It gave no reason.")
        except (TimeoutError, ConnectionError):
            reason = "It did not answer, so it is not known whether the change was made. Read the file before you continue."
            return EditOutcome(applied=False, reason=reason)
        await self.refresh(change.uri)
        return EditOutcome(applied=True)


_UNSAVED = (
    "The person has unsaved changes in it, and this editor would save them together with the edit. "
    "Ask the person to save the file first."
)


def _folder_and_name(path: str) -> tuple[Path, str]:
    real = Path(os.path.realpath(path))
    return real.parent, real.name


def _read(path: str) -> FileText | None:
    root, name = _folder_and_name(path)
    try:
        return read_file(root, name, what=name, limit=LARGEST)
    except (SessionlsError, OSError):
        return None


def _is_on_disk(path: str, text: str) -> bool:
    """Whether the client's text is the same as the file on disk, apart from line ends.

    Clients that store a list of lines omit the last line end.
    """
    disk = _read(path)
    if disk is None:
        return False
    if disk.text == text:
        return True
    root, name = _folder_and_name(path)
    return any(matches_editor_text(root, name, shown, line_ends=False) for shown in (text, f"{text}\n"))


def _can_be_created(path: str) -> bool:
    return Path(path).parent.is_dir() and not os.path.lexists(path)


def _new_text(folders: Sequence[Path], path: str, change: DocumentChange) -> str | None:
    """The whole text of the file after the change; None if the change no longer applies."""
    real = Path(os.path.realpath(path))
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    names = [real.relative_to(root).as_posix() for root in roots if real != root and real.is_relative_to(root)]
    if not names or any(is_withheld(name) for name in names):
        return None
    if change.kind == "create":
        return change.text
    file = read_file(real.parent, real.name, what=real.name, limit=LARGEST)
    if change.sha256 is not None and file.sha256 != change.sha256:
        return None
    return edited_text(file.text, change, "utf-32")
