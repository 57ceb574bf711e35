"""Who has a session open is known by process, and so for as long as that process is alive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "presence",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("participant_id", sa.Text, primary_key=True),
    )
    op.create_index("presence_by_process", "presence", ["process"])
