"""Composes `Sessions` for a command, with the settings and the current directory as workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.cli.terminal import Terminal
from sessionls.cli.terminal_editor import TerminalEditor
from sessionls.compose import Composition, compose, identify, open_store, preload
from sessionls.domain import uris
from sessionls.domain.permission import Bounds
from sessionls.sessions.service import Sessions
from sessionls.settings.participant import local_participant
from sessionls.settings.settings import Settings

__all__ = ["CliContext", "open_context"]


@dataclass(frozen=True, slots=True)
class CliContext:
    terminal: Terminal
    settings: Settings
    folder: Path
    composition: Composition

    @property
    def sessions(self) -> Sessions:
        return self.composition.sessions

    @property
    def folder_uri(self) -> str:
        return uris.from_path(self.folder)


@asynccontextmanager
async def open_context(
    terminal: Terminal, *, trust: bool = False, start: bool = True, **explicit: Any
) -> AsyncIterator[CliContext]:
    """Compose and (unless `start` is false) start everything, and close it at the end, also after an error.

    Definitions in the folder are used only if it is trusted: with `trust` or the setting `trusted_folders`.
    """
    folder, settings = await asyncio.to_thread(lambda: (Path.cwd(), Settings.load(**explicit)))
    trusted = trust or await asyncio.to_thread(settings.trusts, folder)
    _, local_person = await asyncio.gather(
        asyncio.to_thread(preload),
        local_participant(folder, name=settings.participant_name, email=settings.participant_email),
    )
    store = open_store(settings)
    # Without `start`, the command itself reports that the database cannot be reached.
    participant = await identify(store, local_person, renames=settings.participant_name is not None) if start else local_person
    editor = TerminalEditor(uris.from_path(folder), terminal)
    composition = compose(settings, editor, bounds=Bounds(trusted), participant=participant, store=store)
    try:
        if start:
            await composition.start()
        yield CliContext(terminal, settings, folder, composition)
    finally:
        await composition.close()
