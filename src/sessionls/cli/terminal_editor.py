"""The terminal as an editor: without buffers; it writes files to disk and asks the person at the keyboard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sessionls.cli.permission_prompt import ask_person
from sessionls.cli.terminal import Terminal
from sessionls.domain import uris
from sessionls.domain.permission import Answer, Question
from sessionls.ports.editor import Buffer, DocumentChange, EditOutcome

__all__ = ["TerminalEditor"]


class TerminalEditor:
    """An editor with one folder, no open buffers and edits on disk. Positions count code points."""

    def __init__(self, folder: str, terminal: Terminal) -> None:
        self._folder = folder
        self._terminal = terminal
        self._asking = asyncio.Lock()

    @property
    def encoding(self) -> Literal["utf-8", "utf-16", "utf-32"]:
        return "utf-32"

    @property
    def folders(self) -> Sequence[str]:
        return (self._folder,)

    def buffer(self, uri: str) -> Buffer | None:  # noqa: ARG002
        return None

    def diagnostics(self, uri: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()

    async def apply(self, label: str, changes: Sequence[DocumentChange], *, confirm: bool = False) -> EditOutcome:  # noqa: ARG002
        """Write to disk. There is no undo, but the person who allowed it has seen the patch."""
        from sessionls.sessions.workspace.file_edits import write_changes

        path = uris.to_path(self._folder)
        if path is None:
            return EditOutcome(applied=False, reason="The folder is not on disk.")
        return await asyncio.shield(asyncio.to_thread(write_changes, [Path(path)], changes, self.encoding))

    def open_documents(self) -> Sequence[str]:
        return ()

    async def save(self, uris: Sequence[str]) -> frozenset[str]:  # noqa: ARG002
        return frozenset()  # edits are already on disk

    async def ask(self, question: Question) -> Answer | None:
        """The person's answer; None in a pipe."""
        if not self._terminal.can_ask:
            return None
        async with self._asking:
            return await ask_person(self._terminal, question)
