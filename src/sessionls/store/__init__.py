"""Where sessions live: the event log, its projections and the feed that says what is new. The only room that knows SQL."""

from __future__ import annotations

from sessionls.store.store import SqlStore

__all__ = ["SqlStore"]
