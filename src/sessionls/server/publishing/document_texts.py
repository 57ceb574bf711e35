"""The current text of a document: from the editor's buffer or from disk, and whether both are the same."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams, NotPermitted, SessionlsError
from sessionls.sessions.workspace.files import LARGEST
from sessionls.sessions.workspace.workspace import Workspace

if TYPE_CHECKING:
    from sessionls.ports.editor import Buffer, Editor

__all__ = ["DocumentText", "DocumentTexts"]


@dataclass(frozen=True, slots=True)
class DocumentText:
    """`uri` is as the client spells it; `version` is the buffer's; `on_disk` says that the file has this text."""

    uri: str
    text: str
    version: int | None
    on_disk: bool


class DocumentTexts:
    """Reads documents of the open folders, and remembers which version of each buffer was saved last."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._workspace = Workspace(editor)
        self._saved: dict[str, int | None] = {}  # by document: the version that was saved last

    def saved(self, uri: str) -> None:
        buffer = self._editor.buffer(uri)
        self._saved[uris.uri_key(uri)] = None if buffer is None else buffer.version

    def closed(self, uri: str) -> None:
        self._saved.pop(uris.uri_key(uri), None)

    async def read(self, uri: str, *, compare_disk: bool) -> DocumentText | None:
        """The document's current text: "" for a file that was deleted, None for one that cannot be read here.

        Without `compare_disk`, an open buffer counts as saved only if the client said so; with it, the file is compared as well.
        """
        buffer = self._editor.buffer(uri)
        if buffer is not None and not compare_disk:
            return DocumentText(buffer.uri, buffer.text, buffer.version, on_disk=self._is_saved(buffer))
        try:
            document = await self._workspace.read(buffer.uri if buffer is not None else uri, limit=LARGEST)
        except NotPermitted:
            return None
        except InvalidParams:
            return DocumentText(uri, "", None, on_disk=True) if await self._was_deleted(uri) else None
        if not document.buffer:
            return DocumentText(uri, document.text, None, on_disk=True)
        buffer = self._editor.buffer(uri)
        saved = buffer is not None and self._is_saved(buffer) and buffer.version == document.version
        return DocumentText(document.uri, document.text, document.version, on_disk=saved or not document.dirty)

    def _is_saved(self, buffer: Buffer) -> bool:
        return buffer.version is not None and self._saved.get(uris.uri_key(buffer.uri)) == buffer.version

    async def _was_deleted(self, uri: str) -> bool:
        """Whether the file is gone while its folder is still there."""
        try:
            resolved = await self._workspace.resolve(uri)
        except SessionlsError:
            return False
        return await asyncio.to_thread(lambda: not os.path.lexists(resolved.path) and resolved.root.is_dir())
