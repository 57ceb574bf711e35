"""Remembers the capabilities that external agents announced at their last start, for use before the next start.

It is kept in a file in the data folder and not in the database: it is about programs on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionls.domain.agent import Definition

__all__ = ["Announcements"]

_MOST = 200  # agents


@dataclass
class Announcements:
    """`path` is the file. An entry is valid as long as the agent has the same command and program."""

    path: Path

    async def takes_images(self, definition: Definition) -> bool | None:
        """Whether the agent took images when it last started; None if that is not known."""
        return await asyncio.to_thread(self._read, definition)

    async def keep(self, definition: Definition, *, images: bool) -> None:
        await asyncio.to_thread(self._keep, definition, images)

    def _read(self, definition: Definition) -> bool | None:
        entry = self._entries().get(_key(definition))
        if not isinstance(entry, dict) or entry.get("program") != _program(definition):
            return None
        images = entry.get("images")
        return images if isinstance(images, bool) else None

    def _keep(self, definition: Definition, images: bool) -> None:
        key, entry = _key(definition), {"program": _program(definition), "images": images}
        entries = self._entries()
        if entries.get(key) == entry:
            return
        entries.pop(key, None)
        entries = dict([*entries.items(), (key, entry)][-_MOST:])
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # without the file, it is unknown until the next start
            new.write_text(json.dumps(entries), encoding="utf-8")
            new.replace(self.path)

    def _entries(self) -> dict[str, Any]:
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return entries if isinstance(entries, dict) else {}


def _key(definition: Definition) -> str:
    """Hashed, because arguments may contain secrets."""
    command = json.dumps([definition.name, definition.command, *definition.args])
    return hashlib.sha256(command.encode("utf-8", "replace")).hexdigest()


def _program(definition: Definition) -> Mapping[str, Any] | None:
    """Fields that change when the program is updated: its real path, size and modification time."""
    program = shutil.which(str(Path(definition.command or "").expanduser()))
    if program is None:
        return None
    try:
        path = Path(program).resolve()
        status = path.stat()
    except OSError:
        return None
    return {"path": str(path), "size": status.st_size, "modified": status.st_mtime_ns}
