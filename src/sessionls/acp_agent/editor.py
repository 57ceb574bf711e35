"""The `Editor` port over the Agent Client Protocol: the client's own text of a file comes before the disk, where it lends it.

The protocol tells nothing of open buffers. So whenever a document is about to be read, the client is asked for its text: where
that differs from the disk, it is a buffer with unsaved changes.
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
from sessionls.sessions.workspace.files import LARGEST, FileText, read_file, shows_as
from sessionls.sessions.workspace.secret_files import is_withheld

__all__ = ["AcpEditor", "ClientFiles"]

log = logging.getLogger("sessionls")

_SECONDS: Final = 10.0  # that a client may take for a file
_KEPT = 100  # documents with unsaved changes that are remembered


class ClientFiles(Protocol):
    """The client's own file system. Raises `RequestError` where the client refuses, `TimeoutError`, `ConnectionError`."""

    @property
    def reads(self) -> bool: ...
    @property
    def writes(self) -> bool: ...
    async def read(self, folders: Sequence[str], path: str) -> str: ...
    async def write(self, folders: Sequence[str], path: str, text: str) -> None: ...


class AcpEditor:
    """The folders of one workspace, and the client's text of what is in them. Positions count code points.

    `refresh` is called before a document is read (see `RemoteBuffers`).
    """

    def __init__(self, folders: Sequence[str], files: ClientFiles) -> None:
        self._folders = tuple(folders)
        self._files = files
        self._buffers: OrderedDict[str, Buffer] = OrderedDict()  # by comparable URI: those that differ from the disk
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
        """Those with unsaved changes, as far as they are known."""
        return [buffer.uri for buffer in self._buffers.values()]

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()

    async def save(self, uris: Sequence[str]) -> frozenset[str]:  # noqa: ARG002
        return frozenset()  # a client saves what is written through it

    async def ask(self, question: Question) -> Answer | None:  # noqa: ARG002
        """Nobody is asked here: the session's own events bring the question to the client (see `permissions.py`)."""
        return None

    # -- the client's text -------------------------------------------------------------------------------------------

    async def refresh(self, uri: str) -> None:
        """Learn what the client has of a document. Where it does not answer, what was known before counts."""
        try:
            await self._learn(uri)
        except (TimeoutError, ConnectionError) as error:
            log.warning("The client did not say what it has of a document: %s", str(error) or "no answer in time")

    async def _learn(self, uri: str) -> str | None:
        """The client's text; None where the file is not the client's, or it lends none. What differs from the disk is kept."""
        path = uris.to_path(uri)
        if not self._files.reads or path is None:
            return None
        try:
            async with asyncio.timeout(_SECONDS):
                text = await self._files.read(self._folders, path)
        except RequestError:  # a file that does not exist, or that lies outside of the client's project
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
        """Through the client where it writes files and knows this one, else on disk. The permission was given before."""
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
            return EditOutcome(applied=False, reason="It is no file.")
        try:
            text = await self._learn(change.uri)
        except (TimeoutError, ConnectionError):
            return EditOutcome(applied=False, reason="The editor does not answer: what it has of the file is not known.")
        if self.buffer(change.uri) is not None:
            return EditOutcome(applied=False, reason=_UNSAVED if change.kind == "edit" else "It is open in the editor, unsaved.")
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
            return EditOutcome(applied=False, reason="The file changed meanwhile, or lies outside of the folders: read it again.")
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
            words = "It did not answer, so it is not known whether the change was made: read the file before anything else."
            return EditOutcome(applied=False, reason=words)
        await self.refresh(change.uri)
        return EditOutcome(applied=True)


_UNSAVED = (
    "The person has unsaved changes there, and this editor would save them together with the edit. "
    "Ask the person to save the file first."
)


def _place(path: str) -> tuple[Path, str]:
    real = Path(os.path.realpath(path))
    return real.parent, real.name


def _read(path: str) -> FileText | None:
    root, name = _place(path)
    try:
        return read_file(root, name, what=name, limit=LARGEST)
    except (SessionlsError, OSError):
        return None


def _is_on_disk(path: str, text: str) -> bool:
    """Whether the client's text is what the file on disk says, however the client ends its lines.

    Clients that keep a list of lines leave out the end of the last one.
    """
    disk = _read(path)
    if disk is None:
        return False
    if disk.text == text:
        return True
    root, name = _place(path)
    return any(shows_as(root, name, shown, line_ends=False) for shown in (text, f"{text}\n"))


def _can_be_created(path: str) -> bool:
    return Path(path).parent.is_dir() and not os.path.lexists(path)


def _new_text(folders: Sequence[Path], path: str, change: DocumentChange) -> str | None:
    """The whole text of the file after the change; None where that may not be made any more."""
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
