"""What differs between databases: opening, transactions, numbering, full-text search, and watching for changes."""

from __future__ import annotations

from sessionls.store.engine.database import CommitUnknown, Database, Newest, PollResult, PublishDrafts
from sessionls.store.engine.dialect import Dialect, Match, dialect_of
from sessionls.store.engine.opening import open_database

__all__ = [
    "CommitUnknown",
    "Database",
    "Dialect",
    "Match",
    "Newest",
    "PollResult",
    "PublishDrafts",
    "dialect_of",
    "open_database",
]
