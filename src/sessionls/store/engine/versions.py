"""Creating the tables of a new database, and migrating an older one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, inspect

from sessionls.domain.errors import StoreUnavailable
from sessionls.store import migrations
from sessionls.store.engine.dialect import dialect_of
from sessionls.store.failures import DATA_DIR
from sessionls.store.schema import metadata

__all__ = ["prepare", "revision_of"]


def prepare(connection: Connection, migration_transaction: Callable[[], AbstractContextManager[object]]) -> None:
    """Create or migrate the tables if necessary. `alone` starts a transaction in which no other process can do the same."""
    with connection.begin():
        if revision_of(connection) == migrations.HEAD:
            return
    with migration_transaction():  # one process does it, the others wait
        revision = revision_of(connection)
        if revision is None:
            _create(connection)
        elif revision in migrations.REVISIONS[:-1]:
            migrations.upgrade(connection)
        elif revision != migrations.HEAD:
            raise StoreUnavailable(
                "The database was made by a newer version of sessionls.",
                hint=f"Update sessionls, or point {DATA_DIR} elsewhere.",
            )


def revision_of(connection: Connection) -> str | None:
    """The revision of the database; None for an empty one."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StoreUnavailable(
            "The database belongs to another program.", hint=f"Point {DATA_DIR} to a sessionls database, or to a new one."
        )
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if revision is None else str(revision)


def _create(connection: Connection) -> None:
    # The schema is used because running all migrations with alembic would add 0.2 seconds to the first start. A test
    # compares the two.
    metadata.create_all(connection, checkfirst=False)
    for statement in dialect_of(connection).full_text:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version "
        "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{migrations.HEAD}')")  # noqa: S608 (one of our own names)
    dialect_of(connection).apply_rights(connection)
