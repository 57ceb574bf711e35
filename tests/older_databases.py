"""Databases as earlier versions made them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, select, update

from sessionls.store import migrations
from sessionls.store.engine.postgres.rights import drop_rights
from sessionls.store.rows import EVENT_COLUMNS, MESSAGE_COLUMNS, dump, entry_of, event_json, with_content
from sessionls.store.schema import events, messages, metadata

__all__ = ["as_version", "engine_of", "with_texts_everywhere"]


def engine_of(url: str) -> Engine:
    if url.startswith("sqlite"):
        return create_engine(url)
    import psycopg

    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))


def as_version(path: Path, revision: str) -> None:
    """Make the database as a version with that revision had made it: its tables, with what they held. (Full text is left out.)"""
    if revision < "0010":
        with_texts_everywhere(f"sqlite:///{path}")
    old = path.with_name("old.db")
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        migrations.upgrade(connection, revision)
    engine.dispose()
    with sqlite3.connect(old) as raw:
        raw.execute("ATTACH ? AS new", (str(path),))
        for table in metadata.tables:
            columns, kept = ([row[1] for row in raw.execute(f"PRAGMA {name}.table_info({table})")] for name in ("main", "new"))
            names = ", ".join(f'"{column}"' for column in columns if column in kept)
            if names:
                raw.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")
    raw.close()
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    old.rename(path)


def with_texts_everywhere(url: str) -> None:
    """As before revision 0010: events and messages are whole, and SQLite's index of words keeps a copy of them."""
    engine = engine_of(url)
    with engine.begin() as connection:
        found = _texts(connection)
        for row in connection.execute(select(*EVENT_COLUMNS)).all():
            this = (events.c.session_id == row.session_id) & (events.c.seq == row.seq)
            connection.execute(update(events).where(this).values(data=event_json(row)))
        for n, data in found.items():
            connection.execute(update(messages).where(messages.c.n == n).values(data=data))
        _remove_rights(connection)
        _drop_later(connection, "0009")
        if connection.dialect.name == "sqlite":
            _copy_words(connection)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0009'")
    engine.dispose()


def _drop_later(connection: Connection, revision: str) -> None:
    """Drop the tables and columns that this revision did not have."""
    earlier = create_engine("sqlite://")
    with earlier.begin() as empty:
        migrations.upgrade(empty, revision)
        tables = {
            name: {column["name"] for column in inspect(empty).get_columns(name)} for name in inspect(empty).get_table_names()
        }
    earlier.dispose()
    for table in reversed(metadata.sorted_tables):
        if table.name not in tables:
            connection.exec_driver_sql(f'DROP TABLE "{table.name}"')
            continue
        later = {column.name for column in table.columns} - tables[table.name]
        for index in table.indexes:
            if later & {column.name for column in index.columns}:
                connection.exec_driver_sql(f'DROP INDEX "{index.name}"')
        for column in later:
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DROP COLUMN "{column}"')


def _remove_rights(connection: Connection) -> None:
    """What revisions 0013 and 0015 made on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        drop_rights(connection)
        for table in ("access", "reader_places", "numbering", "profiles", "names"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("ALTER TABLE external_sessions DROP CONSTRAINT external_sessions_pkey")
        for table in ("events", "claims", "processes", "external_sessions"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN login")
        connection.exec_driver_sql("ALTER TABLE external_sessions ADD PRIMARY KEY (session_id, agent)")
        connection.exec_driver_sql("ALTER TABLE message_text DROP COLUMN readers, DROP COLUMN places")
        connection.exec_driver_sql("ALTER TABLE title_pieces DROP COLUMN readers")
        connection.exec_driver_sql("CREATE INDEX message_text_by_words ON message_text USING gin (words)")
        connection.exec_driver_sql("CREATE INDEX title_pieces_by_piece ON title_pieces USING gin (pieces)")


def _texts(connection: Connection) -> dict[int, str]:
    rows = connection.execute(select(messages.c.n, *MESSAGE_COLUMNS).select_from(with_content(messages))).all()
    return {row.n: row.data if row.content is None else dump(entry_of(connection, row).message) for row in rows}


def _copy_words(connection: Connection) -> None:
    """The old index. Its content does not matter, because it is created again."""
    connection.exec_driver_sql("DROP TABLE message_text")
    connection.exec_driver_sql(
        "CREATE VIRTUAL TABLE message_text USING fts5(text, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
    )
    connection.exec_driver_sql("INSERT INTO message_text (rowid, text) SELECT n, data FROM messages")
