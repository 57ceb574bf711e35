"""Run by alembic. Migrations use the store's connection and run inside its transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from sessionls.store.engine import dialect_of
from sessionls.store.engine.postgres.rights import drop_rights
from sessionls.store.schema import metadata

_OTHER_RULES = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
"""


def _compare_by_code_point(connection: sa.Connection) -> None:
    """Give all text columns the collation of `columns.TEXT`, whatever type a migration used."""
    for table, column in connection.execute(sa.text(_OTHER_RULES)).all():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE TEXT COLLATE "C"')


_connection: sa.Connection = context.config.attributes["connection"]
context.configure(connection=_connection, target_metadata=metadata, transactional_ddl=False)
_is_postgres = _connection.dialect.name == "postgresql"
if _is_postgres:
    drop_rights(_connection)  # a column that a policy uses cannot change its type
context.run_migrations()
if _is_postgres:
    _compare_by_code_point(_connection)
    if sa.inspect(_connection).has_table("access"):
        dialect_of(_connection).apply_rights(_connection)
