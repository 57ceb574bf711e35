"""Ids and times."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

__all__ = ["new_id", "now"]

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A UUIDv7 (RFC 9562, section 5.7) that sorts after every earlier id of this process.

    The 12 bits after the millisecond are its fraction (section 6.2, method 3). If the clock does not advance, the number is
    incremented from the last one.
    """
    global _last
    with _lock:
        nanoseconds = time.time_ns()
        ticks = (nanoseconds // 1_000_000 << 12) | (nanoseconds % 1_000_000 * 4096 // 1_000_000)
        _last = ticks = max(ticks, _last + 1)
    milliseconds, fraction = ticks >> 12, ticks & 0xFFF
    tail = int.from_bytes(secrets.token_bytes(8)) & 0x3FFF_FFFF_FFFF_FFFF
    digits = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}7{fraction:03x}{0x8000_0000_0000_0000 | tail:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def now() -> str:
    """The current time: RFC 3339, UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
