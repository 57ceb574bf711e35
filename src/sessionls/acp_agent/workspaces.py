"""The services for each set of folders: a client may have sessions of several projects open in one process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionls.acp_agent.editor import AcpEditor, ClientFiles
from sessionls.compose import Composition, compose, identify, open_store
from sessionls.domain import uris
from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import Participant
from sessionls.domain.permission import Bounds
from sessionls.ports.store import Notice
from sessionls.programs import McpServer
from sessionls.sessions.service import Sessions
from sessionls.settings.participant import local_participant
from sessionls.settings.settings import Settings

__all__ = ["OpenWorkspace", "Workspaces", "checked_folders"]


@dataclass(frozen=True, slots=True, eq=False)
class OpenWorkspace:
    """The services for one set of folders. `trusted`: definitions in the folders are used."""

    folders: tuple[Path, ...]
    composition: Composition
    editor: AcpEditor
    participant: Participant
    trusted: bool

    @property
    def sessions(self) -> Sessions:
        return self.composition.sessions


class Workspaces:
    """`notice` gets the notices of the store; `agents_changed` is called when definitions on disk have changed."""

    def __init__(
        self,
        settings: Settings,
        files: ClientFiles,
        notice: Callable[[Notice], None],
        agents_changed: Callable[[OpenWorkspace], None],
        *,
        trust: bool = False,
    ) -> None:
        self._settings = settings
        self._files = files
        self._notice = notice
        self._agents_changed = agents_changed
        self._trust = trust
        self._opening: dict[tuple[tuple[Path, ...], str], asyncio.Task[OpenWorkspace]] = {}

    async def of(self, folders: Sequence[Path], servers: Mapping[str, McpServer] | None = None) -> OpenWorkspace:
        """The workspace with these folders. It is composed and started at the first call.

        `servers` are MCP servers besides those in the settings. They run only if all of the folders are trusted.
        """
        unique = tuple(dict.fromkeys(folders))
        trusted = bool(unique) and (self._trust or await asyncio.to_thread(self._trusts, unique))
        used = dict(servers or {}) if trusted else {}
        key = unique, repr(sorted((name, server.model_dump_json()) for name, server in used.items()))
        if (opening := self._opening.get(key)) is None:
            work = self._open(unique, used, trusted=trusted)
            opening = self._opening[key] = asyncio.create_task(work, name="open workspace")
        try:
            return await asyncio.shield(opening)
        except Exception:
            if self._opening.get(key) is opening:
                del self._opening[key]
            raise

    async def any(self) -> OpenWorkspace:
        """Any open workspace, or one without folders, for requests that belong to no folder."""
        for opening in self._opening.values():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                return opening.result()
        return await self.of(())

    async def close(self) -> None:
        """Stop all replies, which can be resumed later, and close all workspaces."""
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        opened = [task.result() for task in self._opening.values() if not task.cancelled() and task.exception() is None]
        await asyncio.gather(*(workspace.composition.close() for workspace in opened), return_exceptions=True)

    def _trusts(self, folders: Sequence[Path]) -> bool:
        return all(self._settings.trusts(folder) for folder in folders)

    async def _open(self, folders: tuple[Path, ...], servers: Mapping[str, McpServer], *, trusted: bool) -> OpenWorkspace:
        settings = self._settings.model_copy(update={"mcp": {**servers, **self._settings.mcp}})
        local = await local_participant(*folders, name=settings.participant_name, email=settings.participant_email)
        store = open_store(settings)
        participant = await identify(store, local, renames=settings.participant_name is not None)
        editor = AcpEditor([uris.from_path(folder) for folder in folders], self._files)
        composition = compose(settings, editor, bounds=Bounds(trusted), participant=participant, store=store)
        workspace = OpenWorkspace(folders, composition, editor, participant, trusted)
        try:
            await composition.start()
            composition.sessions.subscribe(self._notice)
            composition.watch_agents(lambda: self._agents_changed(workspace))
        except BaseException:
            await composition.close()
            raise
        return workspace


async def checked_folders(cwd: str, additional: Sequence[str] | None) -> list[Path]:
    """The workspace folders of a request. Raises `InvalidParams` for a path that is not absolute or not a folder."""
    named = [("cwd", cwd), *((f"additionalDirectories.{index}", folder) for index, folder in enumerate(additional or ()))]
    for field, path in named:
        if "\0" in path or not Path(path).is_absolute():
            raise InvalidParams(f"{field} must be an absolute path.", fields=[field])
    folders = [(field, Path(os.path.normpath(path))) for field, path in named]  # noqa: ASYNC240  # touches no disk
    exists = await asyncio.to_thread(lambda: [_is_folder(folder) for _, folder in folders])
    for (field, folder), there in zip(folders, exists, strict=True):
        if not there:
            raise InvalidParams(f"{field} is not a folder on this machine: {uris.printable(str(folder))[:300]}", fields=[field])
    return [folder for _, folder in folders]


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # unlike `Path.is_dir`, false for every path that cannot be a folder
