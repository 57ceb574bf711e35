"""Large imports, without the garbage collector looking through what they make."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["gc_paused"]


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Collect no garbage meanwhile, and never look again at what is there at the end.

    An import makes thousands of classes that stay: to look through them costs a tenth of its time, and again with each full
    collection later, which stops the event loop for as long. Of two threads that do this at once the first to end lets
    the collector go on.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
