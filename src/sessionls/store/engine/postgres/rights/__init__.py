"""Access control in the database: row-level security, and triggers that check each write.

People connect with their own logins, and can use these with any program. So the database itself enforces what each
login's role in a session allows:

- The table `access` has each login's role in a session, and which parts of ancestors its forks share. Only triggers write to it,
  for the events `created`, `shared` and `unshared` of the log.
- `policies.py` defines which rows of each table a login (`session_user`) can read and write.
- `guards.sql` checks the content of writes: authors, kinds of events, and the agreement of projections with the log.
- `functions.sql` and `searching.sql` have functions that need more rights than the caller and check the caller themselves:
  deleting, numbering; searching.

The owner of the tables is not restricted. That login runs migrations, and should not be used for daily work.
"""

from __future__ import annotations

from importlib import resources

from sqlalchemy import Connection, text

from sessionls.store.engine.postgres.rights.policies import POLICIES, TRIGGERS, default_policies, owner_policy, policy, trigger
from sessionls.store.engine.postgres.rights.tables import LEVELS

__all__ = ["apply_rights", "drop_rights"]

_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
_WITH_SESSION = text("SELECT table_name FROM information_schema.columns WHERE column_name = 'session_id'")
_POLICIES = text(
    "SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema() AND policyname LIKE 'sessionls%'"
)
_FUNCTIONS = text(
    "SELECT oid::regprocedure::text FROM pg_proc "
    "WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'sessionls%'"
)
# The search functions run with the rights of the owner, who must see all rows of these tables, or their indexes are not used.
_NOT_FORCED = frozenset({"message_text", "title_pieces"})

_MANY = 20_000  # matches: more are not read at once


def drop_rights(connection: Connection) -> None:
    """Remove all policies, triggers and functions, before the tables change.

    Row-level security itself, too: without a policy, the owner would see no row of a table that enforces it.
    """
    for table, name in connection.execute(_POLICIES).all():
        _run(connection, f"DROP POLICY {name} ON {table}")
    for function in connection.execute(_FUNCTIONS).scalars().all():
        _run(connection, f"DROP FUNCTION {function} CASCADE")
    for table in connection.execute(_TABLES).scalars().all():
        _run(connection, f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")


def apply_rights(connection: Connection, *, numbering: int, deleting: int) -> None:
    """Create them again for the current tables. The numbers are the ids of the advisory locks (see dialect.py)."""
    drop_rights(connection)
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for file in ("functions.sql", "searching.sql", "guards.sql"):
        sql = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
        levels = "{" + ",".join(map(str, LEVELS)) + "}"
        values = {"schema": schema, "numbering": numbering, "deleting": deleting, "levels": levels, "many": _MANY}
        for name, value in values.items():
            sql = sql.replace(f"@{name}@", str(value))
        _run(connection, sql)
    tables = connection.execute(_TABLES).scalars().all()
    of_sessions = set(connection.execute(_WITH_SESSION).scalars())
    for table in tables:
        forced = "" if table in _NOT_FORCED else ", FORCE ROW LEVEL SECURITY"
        _run(connection, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY{forced}")
        _run(connection, owner_policy(table))
        if table in POLICIES:
            for action, rule in POLICIES[table].items():
                _run(connection, policy(table, action, rule))
        elif table in of_sessions:
            for statement in default_policies(table):
                _run(connection, statement)
        _run(connection, trigger("truncate", f"BEFORE TRUNCATE ON {table}", "sessionls_guard_truncate", "STATEMENT"))
    for statement in TRIGGERS:
        _run(connection, statement)


def _run(connection: Connection, statement: str) -> None:
    # Directly with the driver: SQLAlchemy would interpret percent signs and colons.
    connection.connection.cursor().execute(statement)
