"""Limits and waiting times of the store that fit every installation: only tests change them."""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["StoreOptions"]


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """`rare_titles`: if at most this many titles can match a query, only these are compared.

    `stopped_sessions`: so many sessions whose reply was interrupted or failed come first in a list: old ones are not urgent.
    `small_scope_messages`: in a scope with at most this many messages, only these are searched.

    For SQLite: `signals`: processes signal their changes to each other. `watch_library` watches the file without signals.
    `idle_poll_seconds`: time between polls without signals, for what other programs do to the file. `listed_delay_seconds`: delay
    until a change of a session that is not followed is read, for lists: it leaves the processor to the writer.

    For PostgreSQL: `notification_test_seconds`: how long to wait for a test notification. `commit_status_seconds`: how long to
    try to find out whether a commit took effect.
    """

    rare_titles: int = 1_000
    stopped_sessions: int = 200
    small_scope_messages: int = 20_000
    signals: bool = sys.platform == "linux"
    watch_library: str = "watchfiles"
    idle_poll_seconds: float = 5.0
    listed_delay_seconds: tuple[float, float] = (0.03, 0.1)
    notification_test_seconds: float = 2.0
    commit_status_seconds: float = 10.0
