"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("rev", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("parent_id", sa.Text),
        sa.Column("fork_place", sa.Integer, nullable=False),
        sa.Column("fork_seq", sa.Integer, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("title_key", sa.Text),
        sa.Column("updated_at", sa.Text),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("placed", sa.Integer, nullable=False),
        sa.Column("reply", sa.Text),
        sa.Column("summary", sa.Integer),
        sa.Column("session", sa.Text),
        sa.Column("rest", sa.Text),
    )
    op.create_index("sessions_by_rev", "sessions", ["rev"], unique=True)
    op.create_index("sessions_by_parent", "sessions", ["parent_id"])
    op.create_index("sessions_by_update", "sessions", ["state", "updated_at", "id"])
    op.create_index("sessions_by_reply", "sessions", ["reply"])
    op.create_table(
        "session_places",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
    )
    op.create_index("session_places_by_update", "session_places", ["kind", "value", "state", "updated_at", "session_id"])
    op.create_table(
        "events",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "messages",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer),
        sa.Column("ended_seq", sa.Integer),
        sa.Column("sealed_seq", sa.Integer),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("messages_by_id", "messages", ["session_id", "id"], unique=True)
    op.create_index("messages_by_place", "messages", ["session_id", "place"])
    op.create_table(
        "summaries",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at_place", sa.Integer, nullable=False),
        sa.Column("through", sa.Integer, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("previous", sa.Integer),
        sqlite_autoincrement=True,
    )
    op.create_index("summaries_by_session", "summaries", ["session_id"])
    op.create_table(
        "drafts",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("offset", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("drafts_by_message", "drafts", ["session_id", "message_id"])
    op.create_table(
        "findings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("rev", sa.BigInteger, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("findings_by_session", "findings", ["session_id", "state"])
    op.create_index("findings_by_code", "findings", ["uri", "code"])
    op.create_index("findings_by_rev", "findings", ["rev"])
    op.create_table(
        "claims",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("process", sa.Text, nullable=False),
    )
    op.create_index("claims_by_process", "claims", ["process"])
    op.create_table(
        "processes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("alive_until", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE message_text USING fts5(text, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
        )
