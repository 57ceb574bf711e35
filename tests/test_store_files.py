"""SQLite's file: it is private, opened late, shared safely, and whatever is wrong with it is explained."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sessionls.domain.change import Change
from sessionls.domain.errors import SessionNotFound, StoreUnavailable
from sessionls.store import SqlStore
from sessionls.store.backend import Backend
from sessionls.store.engine.sqlite.database import _configure
from stores import create, rename, url

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.engines("sqlite")
@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
async def test_the_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with SqlStore(url(tmp_path)) as store:
            await create(store)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    finally:
        os.umask(before)
    assert modes == {"sessions.db": 0o600, "sessions.db-wal": 0o600, "sessions.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.engines("sqlite")
async def test_an_unused_store_opens_nothing(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        stop = store.subscribe(lambda notice: None)
        await asyncio.sleep(0)
        stop()
    assert not (tmp_path / "data").exists()


async def test_importing_the_store_does_not_import_sqlalchemy(tmp_path: Path) -> None:
    code = "import sys, sessionls.store; print([m for m in ('sqlalchemy', 'alembic', 'watchfiles') if m in sys.modules])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"[]"


@pytest.mark.engines("sqlite")
async def test_a_file_loads_no_module_of_other_databases(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1]); from stores import create; from sessionls.store import SqlStore\n"
        "async def main():\n"
        "    async with SqlStore(sys.argv[2]) as store:\n"
        "        await create(store)\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if 'postgres' in name or 'psycopg' in name or name == 'alembic'])"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), url(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"[]"


@pytest.mark.engines("sqlite")
async def test_a_locked_database_is_an_explained_error_until_it_is_unlocked(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path), patience=0.05) as store:
        session_id = await create(store)
        lock = sqlite3.connect(tmp_path / "data" / "sessions.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another program") as locked:
            await rename(store, session_id, "x")
        assert str(tmp_path) not in f"{locked.value}{locked.value.hint}" and locked.value.__cause__ is None
        assert (await store.session(session_id)).title == "A session"  # reading still works
        lock.execute("ROLLBACK")
        lock.close()
        assert await rename(store, session_id, "x") == 2


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("postgresql://ann:secret@127.0.0.1:1/db", "cannot be reached"),
        ("mysql://host/db", "is not supported"),
        ("secret", "is not supported"),
        ("sqlite://", "is not supported"),
    ],
)
async def test_an_unusable_database_is_an_explained_error(database: str, words: str) -> None:
    async with SqlStore(database) as store:
        with pytest.raises(StoreUnavailable, match=words) as refused:
            await store.session("x")
        assert "secret" not in f"{refused.value}{refused.value.hint}"


@pytest.mark.engines("sqlite")
async def test_a_file_that_is_not_a_database_is_an_explained_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sessions.db").write_text("words " * 1000, encoding="utf-8")
    async with SqlStore(url(tmp_path)) as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="damaged, or the file is not a database"):
                await store.session("x")


@pytest.mark.engines("sqlite")
async def test_a_folder_that_cannot_be_created_is_an_explained_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    async with SqlStore(url(tmp_path)) as store:
        with pytest.raises(StoreUnavailable, match="cannot be opened") as refused:
            await store.session("x")
        assert str(tmp_path) not in f"{refused.value}{refused.value.hint}"
        (tmp_path / "data").unlink()
        assert await create(store)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("SQLITE_PROTOCOL", "does not support the file locks", "SESSIONLS_DATA_DIR to a folder on a disk of this machine"),
        ("SQLITE_IOERR_LOCK", "does not support the file locks", "SESSIONLS_DATA_DIR to a folder on a disk of this machine"),
        ("SQLITE_IOERR_SHMMAP", "does not support the file locks", "SESSIONLS_DATA_DIR to a folder on a disk of this machine"),
        ("SQLITE_BUSY_RECOVERY", "locked by another program", "SESSIONLS_DATA_DIR"),
        ("SQLITE_READONLY_DIRECTORY", "cannot be written", "SESSIONLS_DATA_DIR"),
        ("SQLITE_READONLY_DBMOVED", "database is gone", "Put the file back"),
        ("SQLITE_CANTOPEN_ISDIR", "cannot be opened", "SESSIONLS_DATA_DIR"),
        ("SQLITE_FULL", "disk is full", "SESSIONLS_DATA_DIR"),
        ("SQLITE_IOERR_SHMSIZE", "disk is full", "SESSIONLS_DATA_DIR"),
        ("SQLITE_IOERR_FSYNC", "disk could not be read or written", "SESSIONLS_DATA_DIR"),
        ("SQLITE_CORRUPT_INDEX", "damaged", "SESSIONLS_DATA_DIR"),
        ("SQLITE_NOTADB", "damaged", "SESSIONLS_DATA_DIR"),
    ],
)
async def test_every_database_error_says_what_is_wrong_and_what_to_do(store: SqlStore, name: str, words: str, hint: str) -> None:
    failure = sqlite3.OperationalError("secret words of the library")
    failure.sqlite_errorname = name

    def fail(_: Change) -> None:
        raise failure

    session_id = await create(store)
    with pytest.raises(StoreUnavailable, match=words) as told:
        await store.change(session_id, fail)
    assert hint in told.value.hint and "secret" not in f"{told.value}{told.value.hint}"
    assert await rename(store, session_id, "x") == 2


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "cannot be written"),
        (errno.ENOLCK, "does not support the file locks"),
        (errno.EIO, "disk could not be read or written"),
        (errno.EACCES, "cannot be opened"),
    ],
)
async def test_every_disk_error_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "words of the system")

    async with SqlStore(url(tmp_path)) as store:
        monkeypatch.setattr(Path, "mkdir", fail)
        with pytest.raises(StoreUnavailable, match=words) as told:
            await store.session("x")
        assert "SESSIONLS_DATA_DIR" in told.value.hint


@pytest.mark.engines("sqlite")
def test_a_database_that_cannot_be_shared_is_not_used() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(StoreUnavailable, match="shared memory"):
        _configure(connection, 1.0, durable=False)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("durable", [False, True])
async def test_commits_survive_a_power_failure_if_requested(tmp_path: Path, durable: bool) -> None:
    async with SqlStore(url(tmp_path), durable=durable) as store:
        await create(store)

        def synchronous(backend: Backend) -> int:
            with backend.database.writing() as connection:
                return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

        assert await store._job(store._writer, synchronous) == (2 if durable else 1)


@pytest.mark.engines("sqlite")
@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be deleted there")
async def test_nothing_is_written_to_a_deleted_file(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        session_id = await create(store)
        for path in (tmp_path / "data").iterdir():
            path.unlink()
        with pytest.raises(StoreUnavailable, match="database is gone"):
            await rename(store, session_id, "x")
        with pytest.raises(SessionNotFound):
            await store.session(session_id)
        await create(store)
