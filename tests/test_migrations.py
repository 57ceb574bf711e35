"""Migrations: the same schema for new and migrated databases, and no changes of unknown databases."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from older_databases import as_version
from sessionls.domain.errors import StoreUnavailable
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore, migrations
from stores import create, url


def schema(path: Path) -> dict[str, str]:
    """Every table and index, by name, as in SQLite."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: " ".join(sql.split()).replace("( ", "(").replace(" )", ")") for name, sql in rows}


async def test_a_new_database_equals_the_result_of_the_migrations(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        await create(store)
    migrated = tmp_path / "migrated.db"

    def migrate() -> None:
        engine = create_engine(f"sqlite:///{migrated}")
        with engine.begin() as connection:
            migrations.upgrade(connection)
        engine.dispose()

    await asyncio.to_thread(migrate)
    assert await asyncio.to_thread(schema, migrated) == schema(tmp_path / "data" / "sessions.db")


def test_all_migrations_are_listed_in_order() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "sessionls.store:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(migrations.REVISIONS)


async def test_an_older_database_is_migrated_when_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
    with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    upgraded: list[str] = []

    def upgrade(connection: object, revision: str = migrations.HEAD) -> None:
        upgraded.append(revision)

    monkeypatch.setattr(migrations, "REVISIONS", ("0000", *migrations.REVISIONS))
    monkeypatch.setattr(migrations, "upgrade", upgrade)
    async with SqlStore(url(tmp_path)) as store:
        assert (await store.session(session_id)).id == session_id
    assert upgraded == [migrations.HEAD]


async def test_titles_from_before_the_title_index_are_found(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store, title="A rabbit")
    await asyncio.to_thread(as_version, tmp_path / "data" / "sessions.db", "0002")
    async with SqlStore(url(tmp_path)) as store:
        for query, found in (("abbi", [session_id]), ("a", [session_id]), ("hedgehog", [])):
            page, _ = await store.sessions(scope=None, state=None, query=query, limit=5, cursor=None)
            assert [session.id for session in page] == found


async def test_sessions_from_before_folders_were_stored_with_repositories_are_found_by_their_folder(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        known = await create(store, folders=["file:///WORK/a%20b", "FILE:///C:/x/"], identities=["marker:a:."])
        gone = await create(store, folders=["file:///gone"])
        await store.delete(gone)
    await asyncio.to_thread(as_version, tmp_path / "data" / "sessions.db", "0005")
    with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
        connection.execute("DELETE FROM session_places WHERE kind = 'folder'")
    connection.close()
    async with SqlStore(url(tmp_path)) as store:
        for scope in (scope_of(["file:///WORK/a b"]), scope_of(["file:///c%3A/x"]), scope_of([], ["marker:a:."])):
            page, _ = await store.sessions(scope=scope, state=None, query=None, limit=5, cursor=None)
            assert [session.id for session in page] == [known]
        assert await store.sessions(scope=scope_of(["file:///gone"]), state=None, query=None, limit=5, cursor=None) == ([], None)


async def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        await create(store)
    with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    async with SqlStore(url(tmp_path)) as store:
        with pytest.raises(StoreUnavailable, match="newer version of sessionls") as refused:
            await create(store)
        assert "Update sessionls" in refused.value.hint


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "sessions.db") as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    async with SqlStore(url(tmp_path)) as store:
        with pytest.raises(StoreUnavailable, match="belongs to another program"):
            await create(store)
    assert list(schema(tmp_path / "data" / "sessions.db")) == ["theirs"]


async def test_processes_that_open_a_new_database_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1]); from stores import create; from sessionls.store import SqlStore\n"
        "import sessionls.store.backend\n"
        "async def main():\n"
        "    async with SqlStore(sys.argv[2]) as store:\n"
        "        sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
        "        await create(store)\n"
        "asyncio.run(main())\n"
    )
    arguments = ("-c", code, str(Path(__file__).parent), url(tmp_path))
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, outputs
    async with SqlStore(url(tmp_path)) as store:
        found, _ = await store.sessions(scope=None, state=None, query=None, limit=50, cursor=None)
    assert len(found) == 4


async def test_stores_that_open_a_new_database_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    stores = [SqlStore(url(tmp_path)) for _ in range(4)]
    assert len(set(await asyncio.gather(*(create(store) for store in stores)))) == 4
    for store in stores:
        await store.close()
