"""Large imports with the garbage collector paused."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["gc_paused"]


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Collect no garbage meanwhile, and freeze what exists at the end.

    An import creates thousands of classes that stay: scanning them costs a tenth of its time, and again with each full collection
    later, which blocks the event loop. If two threads do this at once, the first to end resumes the collector.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
