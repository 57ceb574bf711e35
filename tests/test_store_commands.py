"""`sessionls store`: sessions are copied completely between databases, repeatedly, and faults of a log are found."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from sessionls.cli.commands import app
from sessionls.domain.errors import InvalidParams, StoreUnavailable
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore, maintenance, migrations
from stores import begin, compact, create, end, exchange, fork, rename, say, texts, url

pytestmark = pytest.mark.usefixtures("engine")


def nobody(done: int, of: int) -> None:
    pass


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("backup*")]


async def run(work: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


async def seen(store: SqlStore, session_id: str) -> object:
    transcript = await store.transcript(session_id, through=1000)
    found = [entry.message.text for entry in transcript.entries]
    session = await store.session(session_id)
    return session, await texts(store, session_id), await store.events(session_id, after=0), transcript.summary, found


async def execute(address: str, statement: str) -> None:
    def job() -> None:
        engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    await asyncio.to_thread(job)


@pytest.mark.parametrize("back", [False, True])
async def test_sessions_are_identical_after_copying_them_there_and_back(tmp_path: Path, store: SqlStore, back: bool) -> None:
    parent = await create(store, title="A parent", folders=["file:///a"])
    for n in range(3):
        await exchange(store, parent, f"needle m{n}", f"r{n}")
    await compact(store, parent, 4, "All before.")
    child = await fork(store, parent, 4, title="A child")
    await exchange(store, child, "more", "less")
    await compact(store, child, 5, "The child's.")
    orphan = await fork(store, parent, 2, title="An orphan")
    before = {one: await seen(store, one) for one in (child, orphan)}
    await store.delete(parent)  # its forks are unchanged
    other = f"sqlite:///{tmp_path / 'other.db'}"
    report = await run(maintenance.copy, url(tmp_path), other, (), nobody)
    assert (sorted(report.copied), report.unchanged, report.refused) == (sorted([child, orphan]), 0, {})
    target = other
    if back:
        target = url(tmp_path / "back")
        await run(maintenance.copy, other, target, (), nobody)
    async with SqlStore(target) as there:
        assert {one: await seen(there, one) for one in (child, orphan)} == before
        for query, scope in (("needle", None), ("need", scope_of(["file:///a"]))):
            assert await there.search(query, scope=scope, limit=9)
        page, _ = await there.sessions(scope=scope_of(["file:///a"]), state=None, query="orph", limit=9, cursor=None)
        assert [session.id for session in page] == [orphan]
        await exchange(there, child, "and", "on")
    assert await run(maintenance.check, target, nobody) == {}


async def test_copying_again_copies_only_what_is_new(tmp_path: Path, store: SqlStore) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    first, second = await create(store), await create(store)
    await run(maintenance.copy, url(tmp_path), other, (first,), nobody)
    await exchange(store, first, "m", "r")
    report = await run(maintenance.copy, url(tmp_path), other, (), nobody)
    assert sorted(report.copied) == sorted([first, second])
    report = await run(maintenance.copy, url(tmp_path), other, (), nobody)
    assert (report.copied, report.unchanged) == ([], 2)
    async with SqlStore(other) as there:
        assert await seen(there, first) == await seen(store, first)
        await rename(there, first, "theirs")
        report = await run(maintenance.copy, url(tmp_path), other, (), nobody)  # the newer copy is kept
        assert (report.copied, report.unchanged) == ([], 2)
        await rename(store, first, "ours")
        report = await run(maintenance.copy, url(tmp_path), other, (), nobody)
        assert list(report.refused) == [first] and "different events" in report.refused[first]
        assert (await there.session(first)).title == "theirs"
        await there.delete(second)
        report = await run(maintenance.copy, url(tmp_path), other, (second,), nobody)
        assert "deleted" in report.refused[second]


async def test_a_session_is_not_copied_during_a_reply(tmp_path: Path, store: SqlStore) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    session_id = await create(store)
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    report = await run(maintenance.copy, url(tmp_path), other, (), nobody)
    assert "being written" in report.refused[session_id]
    with pytest.raises(StoreUnavailable, match="being written"):
        await run(maintenance.backup, url(tmp_path), tmp_path / "backup.db", nobody)
    assert await run(files, tmp_path) == []
    await end(store, session_id, reply, "done")
    assert (await run(maintenance.copy, url(tmp_path), other, (), nobody)).copied == [session_id]


async def test_failures_to_copy_are_explained(tmp_path: Path, store: SqlStore) -> None:
    await create(store)
    with pytest.raises(InvalidParams, match="databases are the same"):
        await run(maintenance.copy, url(tmp_path), url(tmp_path), (), nobody)
    with pytest.raises(InvalidParams, match="no session"):
        await run(maintenance.copy, url(tmp_path), f"sqlite:///{tmp_path / 'b.db'}", ("none",), nobody)
    with pytest.raises(StoreUnavailable, match="no database yet"):
        await run(maintenance.copy, f"sqlite:///{tmp_path / 'none.db'}", url(tmp_path), (), nobody)
    assert not (tmp_path / "none.db").exists()


async def test_a_backup_is_one_file_with_everything(tmp_path: Path, store: SqlStore) -> None:
    session_id = await create(store)
    await exchange(store, session_id, "m", "r")
    assert await run(maintenance.backup, url(tmp_path), tmp_path / "backup.db", nobody) == 1
    assert await run(files, tmp_path) == ["backup.db"]
    restored = url(tmp_path / "restored")
    await run(maintenance.copy, f"sqlite:///{tmp_path / 'backup.db'}", restored, (), nobody)
    async with SqlStore(restored) as there:
        assert await seen(there, session_id) == await seen(store, session_id)
    with pytest.raises(InvalidParams, match="exists"):
        await run(maintenance.backup, url(tmp_path), tmp_path / "backup.db", nobody)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM events WHERE seq = 3", "gap"),
        ("UPDATE messages SET content_seq = 3 WHERE place = 2", "text of a message"),
        ("DELETE FROM events WHERE seq = 4", "last event"),
        ("UPDATE messages SET place = 7 WHERE place = 2", "places"),
        ("UPDATE sessions SET session = replace(session, 'A session', 'Another')", "its entry in the list"),
        ("UPDATE events SET kind = 'replyStarted' WHERE seq = 4", "read|valid sequence"),
    ],
)
async def test_check_finds_faults_in_the_log(tmp_path: Path, store: SqlStore, damage: str, words: str) -> None:
    session_id, sound = await create(store), await create(store)
    await exchange(store, session_id, "m", "r")
    done: list[tuple[int, int]] = []
    assert await run(maintenance.check, url(tmp_path), lambda n, of: done.append((n, of))) == {}
    assert done == [(1, 2), (2, 2)]
    await execute(
        url(tmp_path), f"{damage} AND session_id <> '{sound}'" if "WHERE" in damage else f"{damage} WHERE id <> '{sound}'"
    )
    wrong = await run(maintenance.check, url(tmp_path), nobody)
    assert list(wrong) == [session_id]
    assert re.search(words, " ".join(wrong[session_id]))


async def test_check_finds_what_is_left_of_a_deleted_session(tmp_path: Path, store: SqlStore) -> None:
    parent, sound = await create(store), await create(store)
    await exchange(store, parent, "m", "r")
    await fork(store, parent, 1)  # which keeps what it shares
    for session_id in (parent, sound):
        await store.delete(session_id)
    assert await run(maintenance.check, url(tmp_path), nobody) == {}
    await execute(
        url(tmp_path),
        'INSERT INTO drafts (session_id, message_id, part, kind, "offset", text) '
        f"VALUES ('{parent}', 'm', 0, 'text', 0, 'left')",
    )
    assert await run(maintenance.check, url(tmp_path), nobody) == {
        parent: ["it was deleted, but parts of it are left in: drafts"]
    }


async def test_status_shows_the_contents_and_changes_nothing(tmp_path: Path) -> None:
    address = url(tmp_path, empty=True)
    if address.startswith("sqlite"):
        with pytest.raises(StoreUnavailable, match="no database yet"):
            await run(maintenance.status, address)
        assert not (tmp_path / "data").exists()
    else:
        assert (await run(maintenance.status, address)).revision is None
    assert await run(maintenance.migrate, address) == (None, migrations.HEAD)
    assert await run(maintenance.migrate, address) == (migrations.HEAD, migrations.HEAD)
    async with SqlStore(address) as store:
        await exchange(store, await create(store), "m", "r")
    found = await run(maintenance.status, address)
    assert (found.revision, found.counts) == (migrations.HEAD, {"sessions": 1, "messages": 2, "events": 4})
    await execute(address, "UPDATE alembic_version SET version_num = '9999'")
    found = await run(maintenance.status, address)
    assert (found.revision, found.counts) == ("9999", {})
    with pytest.raises(StoreUnavailable, match="newer version"):
        await run(maintenance.migrate, address)


async def test_vacuum_frees_space_and_keeps_the_rest(tmp_path: Path, store: SqlStore) -> None:
    kept, gone = await create(store), await create(store)
    await exchange(store, kept, "m", "r")
    await exchange(store, gone, "secret words " * 100_000, "r")
    await store.delete(gone)
    before = await seen(store, kept)
    await run(maintenance.vacuum, url(tmp_path))
    assert await seen(store, kept) == before
    if url(tmp_path).startswith("sqlite"):
        assert b"secret" not in (tmp_path / "data" / "sessions.db").read_bytes()


# -- in the terminal -------------------------------------------------------------------------------------------------


def test_the_commands_report_their_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = url(tmp_path, empty=True)
    monkeypatch.setenv("SESSIONLS_DATABASE_URL", address)
    monkeypatch.chdir(tmp_path)

    def do(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["store", *words])
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    async def fill() -> str:
        async with SqlStore(address) as store:
            return await create(store)

    assert f"From revision none to {migrations.HEAD}." in do("migrate")
    session_id = asyncio.run(fill())
    assert "1 sessions" in do("status") and '"sessions": 1' in do("status", "--json")
    assert "No faults found." in do("check")
    assert "b.db contains 1 session." in do("backup", "b.db")
    assert "Copied 1 session;" in do("copy", "other.db", session_id[-8:])
    assert "unchanged: 1" in do("copy", "--from", "other.db")
    assert "Done." in do("vacuum")
    if address.startswith("postgresql"):
        assert "hush" not in do("copy", "postgresql://me:hush@host/db", code=2)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("UPDATE sessions SET reply = 'x'")
    connection.close()
    assert "left out: 1" in do("copy", "--from", "other.db", code=1)
