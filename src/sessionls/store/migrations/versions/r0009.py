"""The changes of files in a session are found without reading its whole log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_CHANGES = sa.text("kind IN ('edited', 'changesReverted')")


def upgrade() -> None:
    op.create_index("events_by_change", "events", ["session_id", "seq"], sqlite_where=_CHANGES, postgresql_where=_CHANGES)
