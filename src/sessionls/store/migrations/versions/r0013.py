"""PostgreSQL: who may see and do what. (SQLite has the permissions of its file.)"""

from __future__ import annotations

from alembic import op

from sessionls.store.engine.postgres.rights.tables import ACCESS_TABLES

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in ACCESS_TABLES:  # released with this migration: a change of them is a new one
            op.execute(statement)
