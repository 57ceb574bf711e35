"""PostgreSQL: searches, retention, findings and sessions that need somebody read only what a login may see."""

from __future__ import annotations

from alembic import op

from sessionls.store.engine.postgres.rights.tables import READER_COLUMNS

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in READER_COLUMNS:  # released with this migration: a change of them is a new one
            op.execute(statement)
