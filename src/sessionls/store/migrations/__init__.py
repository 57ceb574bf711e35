"""Versions of the database. A new one needs a file in `versions/`, the same change in `schema.py`, an entry in `REVISIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["HEAD", "REVISIONS", "upgrade"]

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
)
HEAD = REVISIONS[-1]


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Migrate the database to that revision, inside the connection's open transaction."""
    # Imported late: alembic takes as long to load as the rest of the store, and is rarely needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "sessionls.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
