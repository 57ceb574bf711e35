"""The tables. `events` is the log; every other table is a projection of it, written in the same transaction.

JSON stands in text columns, in the form in which the objects cross the wire. Times are RFC 3339 in UTC with milliseconds and
so sort as text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text

__all__ = [
    "FULL_TEXT",
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
    Column("id", Text, primary_key=True),
    Column("rev", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("parent_id", Text),
    Column("fork_place", Integer, nullable=False),
    Column("fork_seq", Integer, nullable=False),
    Column("state", Text),
    Column("title_key", Text),
    Column("updated_at", Text),
    Column("seq", Integer, nullable=False),
    Column("placed", Integer, nullable=False),
    Column("reply", Text),
    Column("summary", Integer),
    Column("session", Text),
    Column("rest", Text),
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
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Index("session_places_by_update", "kind", "value", "state", "updated_at", "session_id"),
)

# The number of each living session in `title_pieces`.
titles = Table(
    "titles",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Index("titles_by_session", "session_id", unique=True),
)

events = Table(
    "events",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)

# `sealed_seq`, of a message that has ended, is the number of the last event by which all messages up to its place that have
# ended had ended. It differs from `ended_seq` where a reply was stopped and resumed after later messages had been cancelled.
messages = Table(
    "messages",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("place", Integer),
    Column("ended_seq", Integer),
    Column("sealed_seq", Integer),
    Column("data", Text, nullable=False),
    Index("messages_by_id", "session_id", "id", unique=True),
    Index("messages_by_place", "session_id", "place"),
)

# The parts of a reply while it is written (see parts.py); those of every other message stand in its `data`.
parts = Table(
    "parts",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("data", Text, nullable=False),
)

# Each summary knows the one before it (`previous`), as far as its session could see it.
summaries = Table(
    "summaries",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at_place", Integer, nullable=False),
    Column("through", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("previous", Integer),
    Index("summaries_by_session", "session_id"),
    sqlite_autoincrement=True,  # a number is never used twice: others point to it
)

# What was drafted of a reply since the last event that holds its words, in pieces.
drafts = Table(
    "drafts",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Index("drafts_by_message", "session_id", "message_id"),
    sqlite_autoincrement=True,  # a number is never used twice: readers remember how far they came
)

# A finding belongs to the session that reported it. `uri` is spelled as for comparing (see uris.py), `code` stands for rule
# and quoted code, `data` is the Finding as it is now, `rev` the number of the last change of it (as in `sessions`).
findings = Table(
    "findings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("uri", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("findings_by_session", "session_id", "state"),
    Index("findings_by_state", "state", "id"),
    Index("findings_by_code", "uri", "code"),
    Index("findings_by_rev", "rev"),
)

claims = Table(
    "claims",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("process", Text, nullable=False),
    Index("claims_by_process", "process"),
)

# What an external agent knows of a session: the id of its own session, where it works, and the place of the message that it
# was sent last.
external_sessions = Table(
    "external_sessions",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("external_id", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("seen", Integer, nullable=False),
)

# The lease of each process that claims replies: its end and its length, in milliseconds by the clock of `liveness.py`.
processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alive_until", BigInteger, nullable=False),
    Column("lease", BigInteger),
)

# SQLite's full text indexes. `message_text`: the messages' words, numbered as `messages.n`. `title_pieces`: the pieces of the
# titles of living sessions (see titles.py), numbered as `titles.n`.
FULL_TEXT = (
    "CREATE VIRTUAL TABLE message_text USING fts5(text, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')",
    "CREATE VIRTUAL TABLE title_pieces USING fts5(pieces, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii')",
)
