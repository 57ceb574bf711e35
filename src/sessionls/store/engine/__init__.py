"""What differs by database: opening, transactions, numbering, full text, and how a change by another process is noticed."""

from __future__ import annotations

from sessionls.store.engine.database import Database, Seen, open_database
from sessionls.store.engine.dialect import Dialect, Match, dialect_of

__all__ = ["Database", "Dialect", "Match", "Seen", "dialect_of", "open_database"]
