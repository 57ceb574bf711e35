"""Chooses the database implementation for a URL."""

from __future__ import annotations

from sessionls.domain.errors import StoreUnavailable
from sessionls.store.engine.database import Database
from sessionls.store.options import StoreOptions

__all__ = ["open_database"]


def open_database(
    url: str,
    patience: float,
    *,
    durable: bool = False,
    options: StoreOptions = StoreOptions(),  # noqa: B008 (frozen)
) -> Database:
    """The database of that URL. It is opened at its first use. Raises `StoreUnavailable` for an unsupported URL."""
    backend = url.partition(":")[0].partition("+")[0]
    if backend == "sqlite":
        from sessionls.store.engine.sqlite.database import SqliteDatabase

        return SqliteDatabase(url, patience, durable=durable, options=options)
    if backend in ("postgresql", "postgres"):
        from sessionls.store.engine.postgres.database import PostgresDatabase

        return PostgresDatabase(url, patience, durable=durable, options=options)
    raise StoreUnavailable(
        "The database URL is not supported.",
        hint="Set SESSIONLS_DATABASE_URL to postgresql://… or sqlite:///path/of/the/file, or leave it unset.",
    )
