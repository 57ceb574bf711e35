"""Keeps files on disk in step with the edits of agents, because programs read the disk.

A document that had no unsaved changes is saved after an agent's edit. A person's unsaved changes are never saved for them:
tools that read the disk then say which documents differ.
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

_LARGEST = 8 << 20  # bytes of a document that is compared with the file
_WAITING = 1_000  # edited documents that are remembered until they are saved
_COMPARED = 1_000  # open documents that are compared with their files
_NAMED = 20  # documents that are listed by name
_READING = (0.0, 0.1, 0.2, 0.4, 0.8)  # seconds that an editor gets to reload a file, between checks


class Saving:
    """Which documents agents edited and nobody has saved yet, and which open documents differ from their files."""

    def __init__(self, workspace: Workspace, editor: Editor) -> None:
        self._workspace = workspace
        self._editor = editor
        # By a document's URI key: the URI, and the hash of the text that an agent left there. What a person types afterwards is
        # theirs, and is not saved.
        self._waiting: OrderedDict[str, tuple[str, str]] = OrderedDict()

    async def edited(self, uri: str, text: str) -> bool:
        """Save a document without other unsaved changes that an agent gave this text. Returns whether the file has it now."""
        key = uris.uri_key(uri)
        self._waiting[key] = uri, hashlib.sha256(text.encode()).hexdigest()
        self._waiting.move_to_end(key)
        while len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)
        await self.save()
        return not await self._differs(uri)

    def left(self, uri: str, sha256: str) -> bool:
        """Whether the unsaved text with that hash is an agent's, not a person's."""
        return self._waiting.get(uris.uri_key(uri), ("", ""))[1] == sha256

    async def save(self) -> None:
        """Save what agents edited, if nobody has changed it since. What cannot be saved is tried again the next time."""
        versions: dict[str, int | None] = {}
        for key, (uri, sha256) in list(self._waiting.items()):
            try:
                document = await self._workspace.read(uri, limit=_LARGEST)
            except SessionlsError:  # deleted, or no longer text
                self._waiting.pop(key, None)
                continue
            if document.dirty and document.sha256 == sha256:
                versions[uri] = document.version
            else:
                self._waiting.pop(key, None)
        # Other documents were read in between: what changed there meanwhile is a person's.
        wanted = [uri for uri, version in versions.items() if (now := self._editor.buffer(uri)) and now.version == version]
        if wanted:
            for uri in await self._editor.save(wanted):
                self._waiting.pop(uris.uri_key(uri), None)

    async def unsaved(self) -> list[str]:
        """The display names of the open documents in the folders whose text differs from their files."""
        return await self._workspace.unsaved(self._files()[-_COMPARED:])

    def notice(self, unsaved: Sequence[str]) -> str:
        """The notice for a tool that reads the disk about documents that differ; empty if none does."""
        notice = ""
        if unsaved:
            notice = (
                f"\n[Unsaved changes in the editor, which this did not see: {_names(unsaved)}. "
                "It read these files as they are on disk.]"
            )
        if (more := len(self._files()) - _COMPARED) > 0:
            notice += f"\n[{more} more open documents were not compared with the disk.]"
        return notice

    def _files(self) -> list[str]:
        return [uri for uri in self._editor.open_documents() if uris.to_path(uri) is not None]

    async def changed_since(self, unsaved: Sequence[str]) -> list[str]:
        """The documents that differ from their files now and did not before. The editor gets a moment to reload what changed."""
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
        except SessionlsError:  # outside the folders, or not readable
            return False
        return document.dirty


@dataclass(frozen=True, slots=True)
class DiskReader(ToolWrapper):
    """A tool that reads the disk: agents' edits are saved before it runs, and its result names documents that still differ."""

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
        """A notice about documents whose old text the editor still has, for tools that may change files."""
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
