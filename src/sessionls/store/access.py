"""Access of logins to sessions: tables that only PostgreSQL has.

The database filters their rows: a login only sees its own rows and those of the team (see `engine/postgres/rights`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, MetaData, SmallInteger, Table

from sessionls.store.columns import TEXT

__all__ = ["access", "names", "profiles", "reader_places"]

_metadata = MetaData()

access = Table(
    "access",
    _metadata,
    Column("session_id", TEXT, primary_key=True),
    Column("reader", TEXT, primary_key=True),
    Column("heir", TEXT, primary_key=True),
    Column("role", SmallInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("rev", BigInteger),
)

reader_places = Table(
    "reader_places",
    _metadata,
    Column("session_id", TEXT, primary_key=True),
    Column("reader", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("value", TEXT, primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("updated_at", TEXT, nullable=False),
    Column("attention", SmallInteger),
    Column("has_findings", Boolean, nullable=False),
)

profiles = Table("profiles", _metadata, Column("login", TEXT, primary_key=True), Column("name", TEXT), Column("email", TEXT))
names = Table("names", _metadata, Column("login", TEXT), Column("name", TEXT), Column("email", TEXT))
