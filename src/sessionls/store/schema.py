"""The tables. `events` is the log; every other table is a projection of it, written in the same transaction.

JSON is stored in text columns, in the same form as on the wire. Times are RFC 3339 in UTC with milliseconds, so they sort as
text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, text

from sessionls.store.columns import NUMBER, TEXT

__all__ = [
    "CHANGES_FILES",
    "EVENTS_BY_CHANGE",
    "claims",
    "drafts",
    "events",
    "external_sessions",
    "findings",
    "images",
    "messages",
    "metadata",
    "parts",
    "presence",
    "processes",
    "session_places",
    "sessions",
    "summaries",
    "titles",
]

metadata = MetaData()

# One row for each session. The row of a deleted session stays as a tombstone: it tells other processes that the session is
# gone, and forks need it to find the events and messages that they share. `rev` numbers all changes of all sessions.
# `parent_id`, `fork_place` and `fork_seq` say which part of its parent's log a fork shares. `session` is the Session and `rest`
# the remaining fields of the State (see rows.py); both are NULL in a tombstone. `attention` is how much it needs somebody (see
# rows.py). `summary` is the newest summary that applies to the session.
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
    Column("attention", SmallInteger),
    Index("sessions_by_rev", "rev", unique=True),
    Index("sessions_by_parent", "parent_id"),
    Index("sessions_by_update", "state", "updated_at", "id"),
    Index("sessions_by_reply", "reply"),
    Index("sessions_by_attention", "attention", "updated_at", "id"),
)

# The scope of each session (see scope.py). `state` and `updated_at` are copied from the session, so that a page of the list can
# be read from the index alone.
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

# The row number in `title_pieces` of each session that is not deleted.
titles = Table(
    "titles",
    metadata,
    Column("n", NUMBER, primary_key=True),
    Column("session_id", TEXT, ForeignKey("sessions.id"), nullable=False),
    Index("titles_by_session", "session_id", unique=True),
)

CHANGES_FILES = "kind IN ('edited', 'changesReverted')"
"""The condition for events that changed files. A statement must repeat it exactly for the index to be used."""

# PostgreSQL's condition is added in engine/postgres/dialect.py: SQLAlchemy would load all of PostgreSQL's drivers for it here.
EVENTS_BY_CHANGE = Index("events_by_change", "session_id", "seq", sqlite_where=text(CHANGES_FILES))

# `data` is the event without the fields that have columns. `message` is the message that the event added (see rows.py).
events = Table(
    "events",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),
    Column("message", TEXT),
    EVENTS_BY_CHANGE,
    sqlite_with_rowid=False,
)

# `sealed_seq` is set on a message that has ended. It is the highest `ended_seq` of this message and all ended messages before
# it. It differs from `ended_seq` if an earlier reply was stopped and resumed after later messages had been cancelled.
# `content_seq` is the number of the event that has the message; `data` then stores only what changed since. Without it, `data`
# is the whole message.
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
    Column("content_seq", Integer),
    Index("messages_by_id", "session_id", "id", unique=True),
    Index("messages_by_place", "session_id", "place"),
)

# The bytes of the images in a session's messages. `seq` is the number of the event that added an image to the session: a
# fork shares those of its ancestors up to the fork point.
images = Table(
    "images",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("sha256", TEXT, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# The parts of a reply that is being written (see parts.py). The parts of every other message are in its `data`.
parts = Table(
    "parts",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("message_id", TEXT, primary_key=True),
    Column("path", TEXT, primary_key=True),
    Column("data", TEXT, nullable=False),
)

# `previous` is the summary before this one in the session or its ancestors.
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
    sqlite_autoincrement=True,  # a number is never reused: other rows refer to it
)

# Pieces of a reply's text that no event contains yet.
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
    sqlite_autoincrement=True,  # a number is never reused: readers remember the last number that they read
)

# A finding belongs to the session that reported it. `uri` is normalized (see `uris.uri_key`), `code` is a hash of the rule and
# the quoted code, `data` is the Finding as it is now, and `rev` is the number of its last change (as in `sessions`).
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

# Who has a session open, in which process. A row counts for as long as its process is alive.
presence = Table(
    "presence",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("process", TEXT, primary_key=True),
    Column("participant_id", TEXT, primary_key=True),
    Index("presence_by_process", "process"),
)

# The external agent's own session for one of ours: its id, its working folder, and the place of the last message that we sent.
external_sessions = Table(
    "external_sessions",
    metadata,
    Column("session_id", TEXT, ForeignKey("sessions.id"), primary_key=True),
    Column("agent", TEXT, primary_key=True),
    Column("external_id", TEXT, nullable=False),
    Column("folder", TEXT, nullable=False),
    Column("seen", Integer, nullable=False),
)

# The lease of each process that claims replies or has sessions open: its end and its length, in milliseconds by the clock of
# `liveness.py`.
processes = Table(
    "processes",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("alive_until", BigInteger, nullable=False),
    Column("lease", BigInteger),
)
