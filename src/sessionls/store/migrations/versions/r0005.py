"""Leases by a clock that nobody can set, with their lengths."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_table("processes")  # whoever still lives takes a new lease
    op.create_table(
        "processes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("alive_until", sa.BigInteger, nullable=False),
        sa.Column("lease", sa.BigInteger),
    )
