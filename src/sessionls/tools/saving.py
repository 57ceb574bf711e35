"""Keeps what is on disk in step with what agents edit, because programs read the disk.

A document that had no unsaved changes is saved after an agent's edit. What a person had not saved is never saved for them: then
the tool that reads the disk says which documents differ.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.domain import uris
from sessionls.domain.errors import SessionlsError
from sessionls.ports.editor import Editor
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.wrapping import ToolWrapper

__all__ = ["DiskReader", "Saving"]

_LARGEST = 8 << 20  # bytes of a document that is compared with the disk
_WAITING = 1_000  # edited documents that are remembered until they are saved
_COMPARED = 1_000  # open documents that are compared with the disk
_NAMED = 20  # documents that are named
_READING = (0.0, 0.1, 0.2, 0.4, 0.8)  # seconds that an editor gets to read a file again, between looks


class Saving:
    """Which documents agents edited and nobody has saved yet, and which of all open ones differ from the disk."""

    def __init__(self, workspace: Workspace, editor: Editor) -> None:
        self._workspace = workspace
        self._editor = editor
        # By a document's comparable URI: the URI, and the hash of the text that an agent left there. What a person types after
        # that is theirs, and not saved.
        self._waiting: OrderedDict[str, tuple[str, str]] = OrderedDict()

    async def edited(self, uri: str, text: str) -> bool:
        """An agent made this the text of a document that had no unsaved changes: save it. Says whether it is on disk now."""
        key = uris.uri_key(uri)
        self._waiting[key] = uri, hashlib.sha256(text.encode()).hexdigest()
        self._waiting.move_to_end(key)
        while len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)
        await self.save()
        return not await self._differs(uri)

    def left(self, uri: str, sha256: str) -> bool:
        """Whether the text of that hash is unsaved because an agent left it so, and not a person."""
        return self._waiting.get(uris.uri_key(uri), ("", ""))[1] == sha256

    async def save(self) -> None:
        """Save what agents edited, as far as nobody changed it since. What cannot be saved is tried again the next time."""
        versions: dict[str, int | None] = {}
        for key, (uri, sha256) in list(self._waiting.items()):
            try:
                document = await self._workspace.read(uri, limit=_LARGEST)
            except SessionlsError:  # gone, or no text any more
                self._waiting.pop(key, None)
                continue
            if document.dirty and document.sha256 == sha256:
                versions[uri] = document.version
            else:
                self._waiting.pop(key, None)
        # Others were read since: what was typed there meanwhile is a person's.
        wanted = [uri for uri, version in versions.items() if (now := self._editor.buffer(uri)) and now.version == version]
        if wanted:
            for uri in await self._editor.save(wanted):
                self._waiting.pop(uris.uri_key(uri), None)

    async def unsaved(self) -> list[str]:
        """The open documents of the folders whose text differs from the disk, as people name them."""
        return await self._workspace.unsaved(self._files()[-_COMPARED:])

    def notice(self, unsaved: Sequence[str]) -> str:
        """What a tool that reads the disk is told of documents that differ from it; empty where none does."""
        told = ""
        if unsaved:
            told = (
                f"\n[Unsaved changes in the editor, which this did not see: {_names(unsaved)}. "
                "It read these files as they are on disk.]"
            )
        if (more := len(self._files()) - _COMPARED) > 0:
            told += f"\n[{more} more open documents were not compared with the disk.]"
        return told

    def _files(self) -> list[str]:
        return [uri for uri in self._editor.open_documents() if uris.to_path(uri) is not None]

    async def changed_since(self, unsaved: Sequence[str]) -> list[str]:
        """The documents that differ from the disk and did not before. An editor gets a moment to read again what changed."""
        changed: list[str] = []
        for delay in _READING:
            await asyncio.sleep(delay)
            changed = [path for path in await self.unsaved() if path not in unsaved]
            if not changed:
                break
        return changed

    async def _differs(self, uri: str) -> bool:
        try:
            document = await self._workspace.read(uri, limit=_LARGEST)
        except SessionlsError:  # outside the folders, or nothing that can be read
            return False
        return document.dirty


@dataclass(frozen=True, slots=True)
class DiskReader(ToolWrapper):
    """A tool that reads files on disk: what agents edited is saved before it runs, and its result names what still differs."""

    saving: Saving

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        await self.saving.save()
        unsaved = await self.saving.unsaved()
        notice = self.saving.notice(unsaved)
        try:
            return await self.tool.run(arguments, call) + notice + await self._stale(unsaved)
        except ToolFailed as problem:
            raise ToolFailed(f"{problem}{notice}{await self._stale(unsaved)}") from None

    async def _stale(self, before: Sequence[str]) -> str:
        """A word on documents of which the editor still has the old text, where the tool may have changed files."""
        changed = await self.saving.changed_since(before) if self.tool.risk != "read" else []
        if not changed:
            return ""
        return (
            f"\n[Since this ran the disk and the editor differ in: {_names(changed)}. "
            "read_file and edit_file use the editor's text, which may be the older one.]"
        )


def _names(files: Sequence[str]) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return ", ".join(files[:_NAMED]) + more
