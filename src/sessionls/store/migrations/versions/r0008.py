"""PostgreSQL: indexes of words, and numbers that do not run out. (No earlier version kept sessions there.)"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_COUNTED = ("messages", "summaries", "drafts", "titles")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _COUNTED:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN n TYPE BIGINT")
        op.execute(f"ALTER SEQUENCE {table}_n_seq AS BIGINT")
    op.execute("ALTER TABLE sessions ALTER COLUMN summary TYPE BIGINT")
    op.execute("ALTER TABLE summaries ALTER COLUMN previous TYPE BIGINT")
    op.execute("CREATE TABLE message_text (n BIGINT PRIMARY KEY REFERENCES messages ON DELETE CASCADE, words TSVECTOR NOT NULL)")
    op.execute("CREATE INDEX message_text_by_words ON message_text USING gin (words)")
    op.execute("CREATE TABLE title_pieces (n BIGINT PRIMARY KEY REFERENCES titles ON DELETE CASCADE, pieces TEXT[] NOT NULL)")
    op.execute("CREATE INDEX title_pieces_by_piece ON title_pieces USING gin (pieces)")
