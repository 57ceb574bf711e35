"""Files and commands for external agents (`ports.hands`): files through the editor, commands with our limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sessionls.domain.errors import SessionlsError
from sessionls.domain.permission import PermissionRequest
from sessionls.ports.hands import ChangedFile
from sessionls.ports.tools import ToolCall, ToolFailed
from sessionls.sessions.changes.kept import EditTexts, pack
from sessionls.sessions.workspace.workspace import Document, Workspace
from sessionls.tools.execute import RunCommand, environment_for_commands
from sessionls.tools.patching import patch
from sessionls.tools.process import run_shell
from sessionls.tools.read_tracker import ReadTracker
from sessionls.tools.saving import Saving
from sessionls.tools.startup_files import startup_reason
from sessionls.tools.write import WriteFile

__all__ = ["EditorFiles", "ShellCommands"]

_LARGEST = 8 << 20  # bytes of a file that an agent can read completely
_PATCH = 50_000  # characters of a patch that is kept
_SECONDS = 1800.0
_OUTPUT = 30_000
_FILES = 50_000  # files that are compared
_SKIPPED = frozenset({".git", "node_modules", ".venv", "__pycache__", "target", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


class EditorFiles:
    """`writer` has the rules for edits."""

    def __init__(self, workspace: Workspace, writer: WriteFile, seen: ReadTracker) -> None:
        self._workspace = workspace
        self._writer = writer
        self._seen = seen

    async def read(self, path: str, session_id: str) -> str:
        try:
            document = await self._workspace.read(path, limit=_LARGEST)
        except SessionlsError as error:
            raise ToolFailed(f"{error.message} {error.hint}") from None
        if document.notice is not None:
            raise ToolFailed(f"{document.path} is too large to read completely.")
        self._seen.knows(session_id, document.uri, document.sha256)
        return document.text

    async def request(self, path: str, text: str) -> PermissionRequest:
        return await self._writer.permission_request({"path": path, "text": text})

    async def check(self, path: str) -> str | None:
        try:
            file = await self._writer.check(path)
        except SessionlsError as error:
            raise ToolFailed(f"{error.message} {error.hint}") from None
        who = await asyncio.to_thread(startup_reason, file, self._workspace.folders)
        return None if who is None else file.name

    async def may_read(self, paths: Sequence[str]) -> bool:
        try:
            for path in paths:
                await self._workspace.resolve(path)
        except SessionlsError:
            return False
        return True

    async def write(self, path: str, text: str, call: ToolCall) -> None:
        with contextlib.suppress(SessionlsError):
            if (await self._workspace.read(path, limit=_LARGEST)).text == text:
                return
        await self._writer.run({"path": path, "text": text}, call)

    async def changed_file(self, path: str, old: str | None, new: str) -> ChangedFile | None:
        try:
            document = await self._workspace.read(path, limit=_LARGEST)
        except SessionlsError:
            return None
        if document.notice is not None:
            return None
        now = document.text
        if now == new:
            before = old
        elif old is not None and new and now.count(new) == 1:  # a part of the file
            before = now.replace(new, old)
        else:
            return None
        return await _changed_file(document, before)

    async def created_file(self, path: str) -> ChangedFile | None:
        try:
            document = await self._workspace.read(path, limit=_LARGEST)
        except SessionlsError:
            return None
        return None if document.notice is not None else await _changed_file(document, None)

    async def snapshot(self) -> Mapping[str, tuple[int, int]] | None:
        return await asyncio.to_thread(_snapshot, self._workspace)

    async def uri_of(self, path: str) -> tuple[str, str] | None:
        try:
            file = await self._workspace.resolve(path)
        except SessionlsError:
            return None
        return file.uri, file.display


class ShellCommands:
    """`tool` has the rules for commands; `variables` is the same as for it. Agents' edits are saved before a command runs."""

    def __init__(self, tool: RunCommand, saving: Saving, *, variables: Sequence[str] = ()) -> None:
        self._tool = tool
        self._saving = saving
        self._variables = tuple(variables)

    async def request(self, command: str, folder: str | None) -> PermissionRequest:
        await self._folder(folder)
        return await self._tool.permission_request({"command": command, "folder": folder})

    async def run(
        self, command: str, folder: str | None, environment: Mapping[str, str], on_output: Callable[[bytes], None]
    ) -> int | None:
        where = await self._folder(folder)
        await self._saving.save()
        given = environment_for_commands({**os.environ, **environment}, [*self._variables, *environment])
        ended = await run_shell(command, where, given, seconds=_SECONDS, limit=_OUTPUT, on_output=on_output)
        return ended.code

    async def _folder(self, folder: str | None) -> Path:
        try:
            return await self._tool.folder(folder)
        except SessionlsError as error:
            raise ToolFailed(f"{error.message} {error.hint}") from None


async def _changed_file(document: Document, before: str | None) -> ChangedFile:
    whole = await asyncio.to_thread(patch, document.path, before, document.text)
    kept = await asyncio.to_thread(pack, EditTexts(before, document.text, document.bom))
    return ChangedFile(document.uri, document.path, whole if len(whole) <= _PATCH else None, document.sha256, kept)


def _snapshot(workspace: Workspace) -> Mapping[str, tuple[int, int]] | None:
    """None if there are too many files."""
    found: dict[str, tuple[int, int]] = {}
    for uri in workspace.folders:
        root = workspace.locate(uri).path
        for directory, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            for name in files:
                path = os.path.join(directory, name)  # noqa: PTH118
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                found[path] = status.st_mtime_ns, status.st_size
            if len(found) > _FILES:
                return None
    return found
