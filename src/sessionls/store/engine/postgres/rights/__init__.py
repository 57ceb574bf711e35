"""Who may do what in the database: row-level security, and triggers that look at what is written.

Sessions are reached with the logins of their people, and a login may be used with any program. So the database itself allows each
login what its role in a session allows, and no more:

- `access` says who sees which session, and how much of the sessions that a fork holds parts of. Nobody writes there: it follows
  the events `created`, `shared` and `unshared` of the log.
- `policies.py` says which rows of each table a login sees and touches, by `session_user`.
- `guards.sql` looks at what is written: authors, kinds of events, and what of the log's projections a person may believe.
- `functions.sql` has what must look further than the caller may, and then asks by itself: deleting, searching, numbering.

Whoever owns the tables is not restricted: that is the login that migrates, and it belongs to no person's daily work.
"""

from __future__ import annotations

from importlib import resources

from sqlalchemy import Connection, text

from sessionls.store.engine.postgres.rights.policies import POLICIES, TRIGGERS, everything, for_unknown, policy, trigger

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
# The functions that search these work with the rights of their owner, who has to see all rows for their indexes to be of use.
_NOT_FORCED = frozenset({"message_text", "title_pieces"})


def drop_rights(connection: Connection) -> None:
    """Take all of it away, before the tables change."""
    for table, name in connection.execute(_POLICIES).all():
        _run(connection, f"DROP POLICY {name} ON {table}")
    for function in connection.execute(_FUNCTIONS).scalars().all():
        _run(connection, f"DROP FUNCTION {function} CASCADE")


def apply_rights(connection: Connection, *, numbering: int, deleting: int) -> None:
    """Make it anew, for the tables as they are now. The numbers are those of the advisory locks (see dialect.py)."""
    drop_rights(connection)
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for file in ("functions.sql", "guards.sql"):
        sql = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
        for name, value in (("schema", schema), ("numbering", numbering), ("deleting", deleting)):
            sql = sql.replace(f"@{name}@", str(value))
        _run(connection, sql)
    tables = connection.execute(_TABLES).scalars().all()
    of_sessions = set(connection.execute(_WITH_SESSION).scalars())
    for table in tables:
        forced = "" if table in _NOT_FORCED else ", FORCE ROW LEVEL SECURITY"
        _run(connection, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY{forced}")
        _run(connection, everything(table))
        if table in POLICIES:
            for action, rule in POLICIES[table].items():
                _run(connection, policy(table, action, rule))
        elif table in of_sessions:
            for statement in for_unknown(table):
                _run(connection, statement)
        _run(connection, trigger("truncate", f"BEFORE TRUNCATE ON {table}", "sessionls_guard_truncate", "STATEMENT"))
    for statement in TRIGGERS:
        _run(connection, statement)


def _run(connection: Connection, statement: str) -> None:
    # By the driver itself: to the database's library a percent sign or a colon means something else.
    connection.connection.cursor().execute(statement)
