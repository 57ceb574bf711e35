"""The workspace's instructions for the files that a message is about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sessionls.domain.errors import SessionlsError
from sessionls.domain.model import Context, TextContext
from sessionls.ports.agents import Agents
from sessionls.sessions.workspace.workspace import Workspace

__all__ = ["instructions_for"]

_MOST = 8  # files with instructions, for one message


async def instructions_for(contexts: Sequence[Context], workspace: Workspace, agents: Agents) -> list[Context]:
    """The workspace's instructions for the files in the contexts, as additional contexts."""
    instructions: dict[str, str] = {}
    for uri in dict.fromkeys(uri for context in contexts if (uri := getattr(context, "uri", None)) is not None):
        try:
            file = await workspace.resolve(uri)
        except SessionlsError:  # a document outside the folders
            continue
        instructions |= dict(await asyncio.to_thread(agents.instructions_near, file.root, file.name))
    return [
        TextContext(title=f"Instructions for these files ({name})", text=text)
        for name, text in list(instructions.items())[:_MOST]
    ]
