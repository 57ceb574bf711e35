"""Noticing that another process has written to the embedded database."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

__all__ = ["watch"]

log = logging.getLogger(__name__)

_STEP = 2  # milliseconds that it sleeps between looks: a change is told in about 7 (with 1 in 4, and a quarter more work at rest)
_LOOK = 1000  # milliseconds: look this often where no word of a change comes, as from network drives
_LIBRARY = "watchfiles"
_POLL = 0.05  # seconds between looks where the folder cannot be watched at all


async def watch(path: Path, look: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Call `look` soon after each change of the database's file or its write-ahead log, until `stop` is set."""
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change
    names = {path.name, f"{path.name}-wal"}
    try:
        watchfiles = await asyncio.to_thread(importlib.import_module, _LIBRARY)
        changes = watchfiles.awatch(
            path.parent,  # the folder: the write-ahead log comes and goes
            watch_filter=lambda _change, changed: Path(changed).name in names,
            debounce=1,
            step=_STEP,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            recursive=False,
            stop_event=stop,
        )
        async for _ in changes:
            await look()
    except Exception:
        log.warning("the database's folder cannot be watched; looking at it again and again instead", exc_info=True)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _POLL)
        except TimeoutError:
            await look()
