"""The tables. `events` is the log; every other table is a projection of it, written in the same transaction.

JSON stands in text columns, in the form in which the objects cross the wire. Times are RFC 3339 in UTC with milliseconds and
so sort as text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, text

from sessionls.store.columns import NUMBER, TEXT

__all__ = [
    "CHANGES_FILES",
    "claims",
    "drafts",
    "events",
    "external_sessions",
    "findings",
    "messages",
    "metadata",
    "parts",
    "processes",
    "session_places",
    "sessions",
    "summaries",
    "titles",
]

metadata = MetaData()

# One row for each session, and for each deleted one: its tombstone tells other processes that it is gone, and keeps the
# forks' way to what they hold of it. `rev` numbers all changes of all sessions. `parent_id`, `fork_place` and `fork_seq` say
# what a fork holds of its parent. `session` is the Session, `rest` what else is in the State (see rows.py); both are
# empty in a tombstone. `summary` is the newest summary that the session can see.
sessions = Table(
    "sessions",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("rev", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("parent_id", TEXT),
    Column("fork_place", Integer, nullable=False),
    Column("fork_seq", Integer, nullable=False),
    Column("state", TEXT),
    Column("title_key", TEXT),
    Column("updated_at", TEXT),
    Column("seq", Integer, nullable=False),
    Column("placed", Integer, nullable=False),
    Column("reply", TEXT),
    Column("summary", NUMBER),
    Column("session", TEXT),
    Column("rest", TEXT),
    Index("sessions_by_rev", "rev", unique=True),
    Index("sessions_by_parent", "parent_id"),
    Index("sessions_by_update", "state", "updated_at", "id"),
    Index("sessions_by_reply", "reply"),
)

# Where a session belongs (see scope.py). `state` and `updated_at` are the session's: a page of a list is read from the index
# alone.
session_places = Table(
    "session_places",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("value", TEXT, primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("updated_at", TEXT, nullable=False),
    Index("session_places_by_update", "kind", "value", "state", "updated_at", "session_id"),
)

# The number of each living session in `title_pieces`.
titles = Table(
    "titles",
    metadata,
    Column("n", NUMBER, primary_key=True),
    Column("session_id", TEXT, ForeignKey("sessions.id"), nullable=False),
    Index("titles_by_session", "session_id", unique=True),
)

CHANGES_FILES = "kind IN ('edited', 'changesReverted')"
"""The events that changed files. The index of them is used only where a statement has these very words."""

events = Table(
    "events",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),
    Index("events_by_change", "session_id", "seq", sqlite_where=text(CHANGES_FILES), postgresql_where=text(CHANGES_FILES)),
    sqlite_with_rowid=False,
)

# `sealed_seq`, of a message that has ended, is the number of the last event by which all messages up to its place that have
# ended had ended. It differs from `ended_seq` where a reply was stopped and resumed after later messages had been cancelled.
messages = Table(
    "messages",
    metadata,
    Column("n", NUMBER, primary_key=True),
    Column("session_id", TEXT, ForeignKey("sessions.id"), nullable=False),
    Column("id", TEXT, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("place", Integer),
    Column("ended_seq", Integer),
    Column("sealed_seq", Integer),
    Column("data", TEXT, nullable=False),
    Index("messages_by_id", "session_id", "id", unique=True),
    Index("messages_by_place", "session_id", "place"),
)

# The parts of a reply while it is written (see parts.py); those of every other message stand in its `data`.
parts = Table(
    "parts",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("message_id", TEXT, primary_key=True),
    Column("path", TEXT, primary_key=True),
    Column("data", TEXT, nullable=False),
)

# Each summary knows the one before it (`previous`), as far as its session could see it.
summaries = Table(
    "summaries",
    metadata,
    Column("n", NUMBER, primary_key=True),
    Column("session_id", TEXT, ForeignKey("sessions.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at_place", Integer, nullable=False),
    Column("through", Integer, nullable=False),
    Column("summary", TEXT, nullable=False),
    Column("previous", NUMBER),
    Index("summaries_by_session", "session_id"),
    sqlite_autoincrement=True,  # a number is never used twice: others point to it
)

# What was drafted of a reply since the last event that holds its words, in pieces.
drafts = Table(
    "drafts",
    metadata,
    Column("n", NUMBER, primary_key=True),
    Column("session_id", TEXT, ForeignKey("sessions.id"), nullable=False),
    Column("message_id", TEXT, nullable=False),
    Column("part", Integer, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("text", TEXT, nullable=False),
    Index("drafts_by_message", "session_id", "message_id"),
    sqlite_autoincrement=True,  # a number is never used twice: readers remember how far they came
)

# A finding belongs to the session that reported it. `uri` is spelled as for comparing (see uris.py), `code` stands for rule
# and quoted code, `data` is the Finding as it is now, `rev` the number of the last change of it (as in `sessions`).
findings = Table(
    "findings",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("session_id", TEXT, ForeignKey("sessions.id"), nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("uri", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),
    Index("findings_by_session", "session_id", "state"),
    Index("findings_by_state", "state", "id"),
    Index("findings_by_code", "uri", "code"),
    Index("findings_by_rev", "rev"),
)

claims = Table(
    "claims",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("message_id", TEXT, primary_key=True),
    Column("process", TEXT, nullable=False),
    Index("claims_by_process", "process"),
)

# What an external agent knows of a session: the id of its own session, where it works, and the place of the message that it
# was sent last.
external_sessions = Table(
    "external_sessions",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("agent", TEXT, primary_key=True),
    Column("external_id", TEXT, nullable=False),
    Column("folder", TEXT, nullable=False),
    Column("seen", Integer, nullable=False),
)

# The lease of each process that claims replies: its end and its length, in milliseconds by the clock of `liveness.py`.
processes = Table(
    "processes",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("alive_until", BigInteger, nullable=False),
    Column("lease", BigInteger),
)
