"""Indexes for the list of findings and for words in titles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("findings_by_state", "findings", ["state", "id"])
    op.create_table(
        "titles",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
    )
    op.create_index("titles_by_session", "titles", ["session_id"], unique=True)
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE title_pieces "
            "USING fts5(pieces, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii')"
        )
        _index_titles(op.get_bind())


def _index_titles(connection: sa.Connection) -> None:
    connection.execute(sa.text("INSERT INTO titles (session_id) SELECT id FROM sessions WHERE title_key IS NOT NULL ORDER BY id"))
    found = connection.execute(sa.text("SELECT t.n, s.title_key FROM titles AS t JOIN sessions AS s ON s.id = t.session_id"))
    rows = [{"n": n, "pieces": _pieces(title_key)} for n, title_key in found]
    if rows:
        connection.execute(sa.text("INSERT INTO title_pieces (rowid, pieces) VALUES (:n, :pieces)"), rows)


def _pieces(title_key: str) -> str:
    found = {
        word[start : start + length]
        for word in title_key.split()
        for length in (1, 2, 3)
        for start in range(len(word) - length + 1)
    }
    return " ".join(sorted(piece.encode().hex() for piece in found))
