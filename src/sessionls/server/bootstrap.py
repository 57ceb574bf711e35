"""Composes `Sessions` from what the editor said: settings, participant, and everything that depends on them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sessionls.domain import uris
from sessionls.domain.model import Participant
from sessionls.domain.permission import Bounds
from sessionls.importing import gc_paused
from sessionls.ports.editor import Editor
from sessionls.server.editor.capabilities import Options
from sessionls.settings.participant import local_participant

if TYPE_CHECKING:
    from sessionls.compose import Composition
    from sessionls.settings.settings import Settings

__all__ = ["compose_for"]


async def compose_for(options: Options, bounds: Bounds, editor: Editor) -> Composition:
    """Everything behind the server, composed and not yet started. Heavy imports run in a thread."""
    settings = await asyncio.to_thread(_load, options)
    local = await _participant(options, settings, editor)
    from sessionls.compose import compose, identify, open_store

    store = open_store(settings)
    named = options.participant is not None or settings.participant_name is not None
    participant = await identify(store, local, renames=named)
    return compose(settings, editor, bounds=bounds, participant=participant, store=store)


def _load(options: Options) -> Settings:
    with gc_paused():
        from sessionls.compose import preload
        from sessionls.settings.settings import Settings

        preload()
    return Settings.load(agent=options.agent, model=options.model, database_url=options.database_url)


async def _participant(options: Options, settings: Settings, editor: Editor) -> Participant:
    """The participant as the editor names it, else as the settings or git do, else by the login name."""
    person = options.participant
    name = person.name if person else settings.participant_name
    email = person.email if person else settings.participant_email
    paths = [path for uri in editor.folders if (path := uris.to_path(uri)) is not None]
    return await local_participant(*map(Path, paths), name=name, email=email)
