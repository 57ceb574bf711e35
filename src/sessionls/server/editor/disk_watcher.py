"""Notices changes of files on disk for a client that does not watch files itself."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sessionls.domain import uris

__all__ = ["DiskWatcher"]

log = logging.getLogger("sessionls")
_LIBRARY = "watchfiles"
_FOLDERS = 200  # that are watched at most: systems limit the watches of a user


class DiskWatcher:
    """Calls `changed` with the URIs of files that changed, out of those that it watches."""

    def __init__(self, changed: Callable[[Iterable[str]], None]) -> None:
        self._changed = changed
        self._files: dict[str, str] = {}  # by path, the URI
        self._watched: frozenset[str] = frozenset()
        self._job: asyncio.Task[None] | None = None

    def __call__(self, uris_to_watch: Iterable[str]) -> None:
        """Watch these files too."""
        self._files |= {path: uri for uri in uris_to_watch if (path := uris.to_path(uri)) is not None}
        folders = frozenset(sorted({str(Path(path).parent) for path in self._files})[:_FOLDERS])
        if folders != self._watched:
            self._watched = folders
            self.close()
            self._job = asyncio.create_task(self._watch(folders), name="watch files")

    def close(self) -> None:
        if self._job is not None:
            self._job.cancel()

    async def _watch(self, folders: frozenset[str]) -> None:
        try:
            logging.getLogger(_LIBRARY).setLevel(logging.WARNING)  # it logs each change
            watchfiles: Any = await asyncio.to_thread(importlib.import_module, _LIBRARY)
            existing = await asyncio.to_thread(lambda: [folder for folder in sorted(folders) if Path(folder).is_dir()])
            if not existing:
                return
            changes = watchfiles.awatch(
                *existing, watch_filter=lambda _, path: path in self._files, recursive=False, debounce=200
            )
            async for found in changes:
                self._changed([self._files[path] for _, path in found if path in self._files])
        except Exception:  # no watches left, a file system without them
            log.warning("Files are not watched; a changed file is noticed when it is opened or saved", exc_info=True)
