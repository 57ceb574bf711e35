"""Adds the workspace's instructions for certain files to the result of the first call that is about such a file."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.domain.errors import SessionlsError
from sessionls.ports.tools import ToolCall
from sessionls.sessions.workspace.workspace import Workspace
from sessionls.tools.wrapping import ToolWrapper

__all__ = ["TOUCH_FILES", "Nearby", "WithInstructions"]

TOUCH_FILES = frozenset(("read_file", "edit_file", "create_file"))
"""Tools whose argument `path` is the file that they work on."""

_KEPT = 200  # replies
_LONGEST = 60_000  # characters with one call


class Nearby:
    """`find` returns the names and texts of the instructions for a file, by its folder and the path in it. It blocks."""

    def __init__(self, workspace: Workspace, find: Callable[[Path, str], Sequence[tuple[str, str]]]) -> None:
        self._workspace = workspace
        self._find = find
        self._told: OrderedDict[str, set[str]] = OrderedDict()

    async def of(self, path: Any, call: ToolCall) -> str:
        """The instructions for that file that this reply has not received yet, each with a heading; empty if there are none."""
        if not isinstance(path, str):
            return ""
        try:
            file = await self._workspace.resolve(path)
        except SessionlsError:
            return ""
        found = await asyncio.to_thread(self._find, file.root, file.name)
        told = self._told.setdefault(f"{call.message_id} {call.agent}", set())
        self._told.move_to_end(f"{call.message_id} {call.agent}")
        while len(self._told) > _KEPT:
            self._told.popitem(last=False)
        new = [(name, text) for name, text in found if name not in told]
        told |= {name for name, _ in new}
        words = "".join(f"\n\n[Workspace instructions for files like this one ({name}):]\n{text}" for name, text in new)
        return words[:_LONGEST]


@dataclass(frozen=True, slots=True)
class WithInstructions(ToolWrapper):
    """A tool (`ports.tools.Tool`) whose results are followed by the instructions for its file."""

    nearby: Nearby

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        result = await self.tool.run(arguments, call)
        return result + await self.nearby.of(arguments.get("path"), call)
