"""What happens to a server: a replica takes over, the disk is full, it accepts no more connections, and it requires passwords."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from in_process_app import BEN, app, write_agent
from logins import TeamDatabase
from model_server import Answer, Hold, ModelServer
from postgres_server import OWNER, PostgresServer
from sessionls.domain.errors import StoreUnavailable
from sessionls.sessions.replies.timing import Timing
from sessionls.settings.settings import shown_url
from sessionls.store import SqlStore, maintenance
from stores import ANN, Heard, create, rename, say, texts

TIMING = Timing(store_retries=(0.05, 0.3, 1.0, 3.0), first_end_retry=0.1, longest_end_retry=0.3)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this file's own."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "You are plain.", tools="[]")
    return folder


# -- failover --------------------------------------------------------------------------------------------------------


async def test_a_reply_continues_when_a_replica_takes_over(folder: Path, model_server: ModelServer) -> None:
    primary = await asyncio.to_thread(PostgresServer)
    replica: PostgresServer | None = None
    try:
        replica = await asyncio.to_thread(lambda: PostgresServer(primary=primary))
        await asyncio.to_thread(primary.execute, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        await asyncio.to_thread(primary.execute, "SELECT pg_reload_conf()")
        await asyncio.to_thread(primary.execute, "CREATE DATABASE team")
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        url = f"postgresql://{OWNER}@{hosts}/team?target_session_attrs=read-write&gssencmode=disable"
        assert shown_url(url) == url
        hold = Hold("written before, ", Answer(chunks=["and ", "after"], delay=0.05))
        model_server.script(hold, Answer("next"))
        async with (
            app(folder, model_server, timing=TIMING, url=url) as home,
            app(folder, None, timing=TIMING, participant=BEN, url=url) as ben,
        ):
            session = await home.sessions.create(agent="plain")
            await home.sessions.open(session.id)
            await ben.sessions.open(session.id)
            send = asyncio.create_task(home.sessions.message(session.id, "m1"))
            await ben.written("written before, ")
            await asyncio.to_thread(primary.stop)
            with pytest.raises(StoreUnavailable, match=r"cannot be reached|read-only replica"):
                await ben.sessions.comment(session.id, "lost")
            await asyncio.to_thread(replica.promote)
            hold.go.set()
            reply = (await send).reply
            assert (reply.status, reply.text) == ("complete", "written before, and after")
            await ben.event("replyFinished")
            assert (await home.sessions.message(session.id, "m2")).reply.text == "next"
            log = [(event.seq, event.kind) for event in await ben.built.store.events(session.id, after=0)]
        wrong = await asyncio.to_thread(maintenance.check, url, lambda done, of: None)
        assert wrong == {} and [kind for _, kind in log].count("replyFinished") == 2
    finally:
        for one in (primary, replica):
            if one is not None:
                await asyncio.to_thread(one.remove)


async def test_a_replica_says_that_it_is_one() -> None:
    primary = await asyncio.to_thread(PostgresServer)
    replica: PostgresServer | None = None
    try:
        address = await asyncio.to_thread(primary.database_for, "team")
        async with SqlStore(address) as store:
            session_id = await create(store)
        replica = await asyncio.to_thread(lambda: PostgresServer(primary=primary))
        async with SqlStore(address.replace(str(primary.port), str(replica.port))) as store:
            assert (await store.session(session_id)).id == session_id
            with pytest.raises(StoreUnavailable, match="read-only replica") as refused:
                await rename(store, session_id, "refused")
            assert "target_session_attrs=read-write" in refused.value.hint
    finally:
        for one in (primary, replica):
            if one is not None:
                await asyncio.to_thread(one.remove)


# -- limits of the server --------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="needs a limit of the size of a process's files")
async def test_a_full_disk_refuses_changes_with_a_clear_error_and_loses_nothing() -> None:
    server = await asyncio.to_thread(lambda: PostgresServer(wal_segment=1))
    accepted: list[str] = []
    try:
        address = await asyncio.to_thread(server.database_for, "full")
        async with SqlStore(address) as store:
            session_id = await create(store)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start, largest_file=1_400_000)

            async def fill() -> None:
                for n in range(60):
                    text = random.Random(n).randbytes(60_000).hex()
                    await say(store, session_id, text)
                    accepted.append(text)

            with pytest.raises(StoreUnavailable, match="disk of the database server is full") as refused:
                await fill()
            assert "Nothing that was accepted is lost" in refused.value.hint
            assert accepted and await texts(store, session_id) == accepted
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            await say(store, session_id, "and on")
            assert await texts(store, session_id) == [*accepted, "and on"]
        assert await asyncio.to_thread(maintenance.check, address, lambda done, of: None) == {}
    finally:
        await asyncio.to_thread(server.remove)


async def test_a_missing_free_connection_is_reported_and_the_login_works_once_there_is_one(tmp_path: Path) -> None:
    database = await asyncio.to_thread(TeamDatabase.make, tmp_path, "ann", "ben")
    login, shared = database.login("ann"), PostgresServer.shared()
    await asyncio.to_thread(shared.execute, f'ALTER ROLE "{login}" CONNECTION LIMIT 3')
    count = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{login}'"
    async with SqlStore(database.of("ann")) as window, SqlStore(database.of("ann")) as another:
        await window.participant(ANN)
        heard = Heard(window)
        assert await window.sessions(scope=None, state=None, query=None, limit=5, cursor=None) == ([], None)
        async with asyncio.timeout(20):  # until it listens, too
            while await asyncio.to_thread(shared.execute, count) != [(3,)]:  # noqa: ASYNC110 (nobody tells of it)
                await asyncio.sleep(0.05)
        with pytest.raises(StoreUnavailable, match="accepts no more connections") as refused:
            await another.participant(ANN)
        assert "max_connections" in refused.value.hint and heard.events == []
        await window.close()
        async with asyncio.timeout(20):  # until the server has ended the connections
            while await asyncio.to_thread(shared.execute, count) != [(0,)]:  # noqa: ASYNC110 (nobody tells of it)
                await asyncio.sleep(0.05)
        async with SqlStore(database.of("ann")) as later:
            assert (await later.participant(ANN)).name == "Ann"


# -- passwords -------------------------------------------------------------------------------------------------------

PASSWORD = "hush-12"


@pytest.mark.parametrize("way", ["PGPASSWORD", ".pgpass", "service file"])
async def test_a_password_is_found_as_libpq_does_and_shown_nowhere(
    server: PostgresServer, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await asyncio.to_thread(server.require_passwords, PASSWORD)
    address = await asyncio.to_thread(server.database_for, "passwords")
    async with SqlStore(address) as store:
        with pytest.raises(StoreUnavailable, match="refused the login") as refused:
            await create(store)
    assert ".pgpass" in refused.value.hint
    match way:
        case "PGPASSWORD":
            monkeypatch.setenv("PGPASSWORD", PASSWORD)
        case ".pgpass":
            (tmp_path / "pgpass").write_text(f"127.0.0.1:*:*:*:{PASSWORD}\n")
            (tmp_path / "pgpass").chmod(0o600)
            monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
        case _:
            name = address.rpartition("/")[2].partition("?")[0]
            lines = ["[team]", "host=127.0.0.1", f"port={server.port}", f"dbname={name}", f"user={OWNER}", f"password={PASSWORD}"]
            (tmp_path / "services").write_text("\n".join([*lines, "gssencmode=disable", ""]))
            monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
            address = "postgresql:///?service=team"
    async with SqlStore(address) as store:
        session_id = await create(store)
        facts = await store.facts()
        stored = str(await store.events(session_id, after=0))
    doctor = await asyncio.to_thread(
        lambda: subprocess.run(
            [sys.executable, "-m", "sessionls", "doctor"],
            env={**os.environ, "SESSIONLS_DATABASE_URL": address},
            capture_output=True,
            text=True,
            check=False,
        )
    )
    assert f"login {OWNER}" in doctor.stdout
    assert PASSWORD not in f"{facts}{stored}{doctor.stdout}{doctor.stderr}{caplog.text}{refused.value}{refused.value.hint}"


async def test_a_wrong_password_is_not_repeated_in_the_error(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(server.require_passwords, PASSWORD)
    monkeypatch.setenv("PGPASSWORD", "hush-34")
    async with SqlStore(await asyncio.to_thread(server.database_for, "passwords")) as store:
        with pytest.raises(StoreUnavailable, match="refused the login") as refused:
            await create(store)
    assert "hush" not in f"{refused.value}{refused.value.hint}{caplog.text}"
