"""Where sessions live: the event log, its projections, and the feed of changes. Only this package imports SQLAlchemy."""

from __future__ import annotations

from sessionls.store.store import SqlStore

__all__ = ["SqlStore"]
