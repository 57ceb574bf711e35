"""How long replies wait for a store that may recover and for processes that may have ended."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_TIMING", "Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. Tests pass shorter times.

    `store_retries`: the waits between the tries to write while a reply is in progress; a busy or full disk often recovers.
    `first_end_retry`, `longest_end_retry`: the wait between two tries to write a reply's end, which doubles from one to the
    next. `last_end_try`: for one more try when this process ends. `sweep`: between two searches for replies of ended
    processes.
    """

    store_retries: tuple[float, ...] = (0.05, 0.2, 1.0, 3.0)
    first_end_retry: float = 0.5
    longest_end_retry: float = 30.0
    last_end_try: float = 2.0
    sweep: float = 5.0


DEFAULT_TIMING = Timing()
