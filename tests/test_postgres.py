"""Only for PostgreSQL: parallel commits, logins and permissions, broken connections."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, event

import stores
from postgres_proxy import proxy
from postgres_server import PostgresServer
from sessionls.domain.errors import StoreUnavailable
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore, migrations
from sessionls.store.backend import Backend
from sessionls.store.engine.postgres.dialect import PostgresDialect
from sessionls.store.options import StoreOptions
from stores import Heard, begin, create, end, exchange, exchanges, fork, rename, say, step, url
from tls_certificates import certificates

pytestmark = [pytest.mark.usefixtures("engine"), pytest.mark.engines("postgres")]


def sql(folder: Path, statement: str, **settings: str) -> list[Any]:
    options = " ".join(f"-c{name}={value}" for name, value in settings.items())
    with psycopg.connect(url(folder), autocommit=True, options=options) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


# -- order -----------------------------------------------------------------------------------------------------------


async def test_a_reader_misses_no_change_of_two_that_are_committed_at_the_same_time(
    tmp_path: Path, store: SqlStore, other: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await create(store), await create(store)
    numbered, go_on = threading.Event(), threading.Event()
    last_rev = PostgresDialect.last_rev

    def slow(dialect: PostgresDialect, connection: Connection, session_id: str, begun: int | None) -> int:
        rev = last_rev(dialect, connection, session_id, begun)
        if session_id == first and not numbered.is_set():
            numbered.set()
            go_on.wait(20)
        return rev

    async with SqlStore(url(tmp_path)) as reader:
        heard = Heard(reader)
        for session_id in (first, second):
            await reader.follow(session_id)
        before = len(heard.sessions)
        monkeypatch.setattr(PostgresDialect, "last_rev", slow)
        one = asyncio.create_task(rename(store, first, "first"))
        await asyncio.to_thread(numbered.wait, 20)
        two = asyncio.create_task(rename(other, second, "second"))  # starts later, and has less to do
        await asyncio.sleep(0.3)
        assert heard.events == [] and len(heard.sessions) == before
        go_on.set()
        await asyncio.gather(one, two)
        await heard.until(lambda: len(heard.events) == 2 and len(heard.sessions) == before + 2)
        assert [notice.session.title for notice in heard.sessions[before:] if notice.session] == ["first", "second"]
    [(low, high)] = await asyncio.to_thread(sql, tmp_path, "SELECT min(rev), max(rev) FROM sessions")
    assert high == low + 1


async def test_changes_of_different_sessions_do_not_wait_for_each_other_before_they_are_numbered(
    store: SqlStore, other: SqlStore
) -> None:
    first, second = await create(store), await create(store)
    deciding, go_on = threading.Event(), threading.Event()

    def decide(_: object) -> None:
        deciding.set()
        go_on.wait(20)

    slow = asyncio.create_task(store.change(first, decide))
    await asyncio.to_thread(deciding.wait, 20)
    await rename(other, second, "done")
    assert not slow.done()
    go_on.set()
    await slow


async def test_a_reader_misses_no_drafts_that_were_numbered_first_and_committed_last(tmp_path: Path, store: SqlStore) -> None:
    sessions = [await create(store) for _ in range(2)]
    replies = [await begin(store, one, await say(store, one, "go")) for one in sessions]
    insert = "INSERT INTO drafts (session_id, message_id, part, kind, \"offset\", text) VALUES (%s, %s, 0, 'text', 0, %s)"

    def write(connection: psycopg.Connection[Any], number: int) -> None:
        connection.execute(insert, (sessions[number], replies[number], f"words {number}"))
        connection.execute("SELECT pg_notify('sessionls', '')")

    async with SqlStore(url(tmp_path)) as reader:
        heard = Heard(reader)
        for session_id in sessions:
            await reader.follow(session_id)
        late, early = [await asyncio.to_thread(lambda: psycopg.connect(url(tmp_path))) for _ in range(2)]
        await asyncio.to_thread(write, late, 0)
        await asyncio.to_thread(write, early, 1)
        await asyncio.to_thread(early.commit)
        await heard.until(lambda: heard.joined(replies[1]) == {0: "words 1"})
        await asyncio.to_thread(late.commit)
        await heard.until(lambda: heard.joined(replies[0]) == {0: "words 0"})
        await asyncio.to_thread(early.close)
        await asyncio.to_thread(late.close)


async def test_what_others_write_is_shown_while_a_change_of_ones_own_waits(store: SqlStore, other: SqlStore) -> None:
    mine, theirs = await create(store), await create(store)
    reply = await begin(other, theirs, await say(other, theirs, "go"))
    heard = Heard(store)
    await store.follow(theirs)
    other.draft(theirs, reply, 0, "text", "one ")
    await heard.until(lambda: heard.joined(reply) == {0: "one "})
    deciding, go_on = threading.Event(), threading.Event()

    def decide(_: object) -> None:
        deciding.set()
        go_on.wait(20)

    waiting = asyncio.create_task(store.change(mine, decide))
    await asyncio.to_thread(deciding.wait, 20)
    other.draft(theirs, reply, 0, "text", "two")
    await heard.until(lambda: heard.joined(reply) == {0: "one two"})
    assert not waiting.done()
    go_on.set()
    await waiting


async def test_concurrent_changes_of_one_session_get_consecutive_numbers(tmp_path: Path) -> None:
    stores = [SqlStore(url(tmp_path)) for _ in range(5)]
    session_id = await create(stores[0])
    numbers = await asyncio.gather(*(rename(one, session_id, f"{n}") for n in range(8) for one in stores))
    assert sorted(numbers) == list(range(2, 42))
    for one in stores:
        await one.close()


async def test_deleting_a_session_during_a_fork_keeps_the_shared_part_or_refuses_the_fork(
    store: SqlStore, other: SqlStore
) -> None:
    for _ in range(5):
        parent = await create(store)
        await exchange(store, parent, "question", "answer")
        forked, _ = await asyncio.gather(fork(other, parent, 2), store.delete(parent), return_exceptions=True)
        if isinstance(forked, str):
            messages, _ = await other.history(forked, before=None, limit=5)
            assert [message.text for message in messages] == ["question", "answer"]


# -- connections -----------------------------------------------------------------------------------------------------


def through(folder: Path, port: int) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", url(folder)) + "&sslmode=disable"


async def test_changes_during_a_connection_loss_are_published_after_reconnecting(tmp_path: Path, other: SqlStore) -> None:
    async with proxy(PostgresServer.shared().port) as between, SqlStore(through(tmp_path, between.port)) as store:
        session_id = await create(store)
        heard = Heard(store)
        await store.follow(session_id)
        for n in range(3):
            between.cut()
            await rename(other, session_id, f"{n}")
            await heard.until(lambda n=n: len(heard.events) == n + 1)  # type: ignore[misc]
        between.cut()
        await asyncio.sleep(0.1)
        assert await rename(store, session_id, "ours") == 5  # starts again with another connection


async def test_without_notifications_the_database_is_polled(
    tmp_path: Path, other: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    options = StoreOptions(notification_test_seconds=0.3)
    async with (
        proxy(PostgresServer.shared().port) as between,
        SqlStore(through(tmp_path, between.port), options=options) as store,
    ):
        between.notifications = False
        session_id = await create(store)
        heard = Heard(store)
        await store.follow(session_id)
        for n in range(3):
            await rename(other, session_id, f"{n}")
            await heard.until(lambda n=n: len(heard.events) == n + 1)  # type: ignore[misc]
    assert "does not notify of changes" in caplog.text


async def test_prepared_statements_are_not_used_behind_a_transaction_pooler(store: SqlStore) -> None:
    session_id = await create(store)

    def forget(backend: Backend) -> None:
        driver: Any = backend.database._connection().connection.driver_connection
        driver.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$", prepare=False)  # without the driver noticing

    for n in range(10):
        await rename(store, session_id, f"{n}")  # by now statements are prepared
    for n in range(10):
        await store._job(store._writer, forget)
        await rename(store, session_id, f"{n}")
    assert (await store.session(session_id)).seq == 21


async def test_the_store_reconnects_after_a_server_restart(tmp_path: Path) -> None:
    server = await asyncio.to_thread(PostgresServer)
    try:
        address = await asyncio.to_thread(server.database_for, "restarted")
        async with SqlStore(address) as store:
            session_id = await create(store)
            heard = Heard(store)
            await store.follow(session_id)
            await asyncio.to_thread(server.stop)
            with pytest.raises(StoreUnavailable, match="cannot be reached") as told:
                await rename(store, session_id, "lost")
            assert "Nothing that was accepted is lost" in told.value.hint
            await asyncio.to_thread(server.start)
            async with SqlStore(address) as another:
                await rename(another, session_id, "theirs")
            await heard.until(lambda: len(heard.events) == 1)
            assert await rename(store, session_id, "ours") == 3
    finally:
        await asyncio.to_thread(server.remove)


# -- logins and versions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://ann:hush-12@127.0.0.1:1/db", "cannot be reached"),
        ("postgresql://ann:hush-12@127.0.0.1:{port}/nothing", "refused the login|does not exist"),
        ("postgresql://owner:hush-12@127.0.0.1:{port}/nothing", "does not exist"),
        ("postgresql://owner:hush-12@127.0.0.1:{port}/postgres?sslmode=require", "A secure connection"),
        ("postgresql://owner:hush-12@127.0.0.1:{port}/postgres?hush-12", "is not valid"),
        ("postgresql://owner:hush-12@[127/postgres", "is not valid"),
        ("postgresql://owner:hush-12%zz@127.0.0.1/postgres", "is not valid"),
    ],
)
async def test_connection_errors_are_explained_without_the_password(
    address: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = (await asyncio.to_thread(PostgresServer.shared)).port
    async with SqlStore(address.replace("{port}", str(port))) as store:
        with pytest.raises(StoreUnavailable, match=words) as refused:
            await store.session("x")
    assert refused.value.hint
    assert "hush" not in f"{refused.value}{refused.value.hint}{caplog.text}"


async def test_the_password_is_read_as_libpq_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await asyncio.to_thread(PostgresServer)
    try:
        await asyncio.to_thread(server.require_passwords, "hush-12")
        address = await asyncio.to_thread(server.database_for, "passwords")
        async with SqlStore(address) as store:
            with pytest.raises(StoreUnavailable, match="refused the login") as refused:
                await create(store)
            assert ".pgpass" in refused.value.hint
        passwords = tmp_path / "pgpass"
        passwords.write_text("127.0.0.1:*:*:*:hush-12\n")
        passwords.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(passwords))
        async with SqlStore(address) as store:
            assert await create(store)
    finally:
        await asyncio.to_thread(server.remove)


async def test_verify_full_requires_a_matching_certificate_from_a_known_authority(tmp_path: Path) -> None:
    authority, certificate, key = certificates()
    known, unknown, own = (tmp_path / f"{name}.pem" for name in ("known", "unknown", "own"))
    for path, content in ((known, authority), (unknown, certificates()[0]), (own, certificate + key)):
        path.write_bytes(content)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    async with proxy(PostgresServer.shared().port, context) as between:
        address = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{between.port}", url(tmp_path)) + "&sslmode=verify-full&sslrootcert="
        named = address.replace("127.0.0.1", "localhost")
        async with SqlStore(f"{named}{known}") as store:
            await create(store)
            assert "TLS" in await store.facts()
        for wrong in (f"{named}{unknown}", f"{address}{known}"):
            async with SqlStore(wrong) as store:
                with pytest.raises(StoreUnavailable, match="A secure connection") as refused:
                    await create(store)
                assert "docs/teams.md" in refused.value.hint
    async with SqlStore(url(tmp_path)) as store:
        assert "no TLS" in await store.facts()


async def test_a_login_without_create_permission_uses_the_owners_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = PostgresServer.shared()
    address = url(tmp_path)
    name = re.sub(r".*/(\w+)\?.*", r"\1", address)
    await asyncio.to_thread(server.execute, "DROP ROLE IF EXISTS member")
    await asyncio.to_thread(server.execute, "CREATE ROLE member LOGIN")
    try:
        async with SqlStore(server.url(name, "member")) as store:
            with pytest.raises(StoreUnavailable, match="no permission") as refused:
                await create(store)
            assert "sessionls store migrate" in refused.value.hint
        async with SqlStore(address) as owner:
            await create(owner)
        for kind in ("TABLES", "SEQUENCES"):
            rights = "SELECT, INSERT, UPDATE, DELETE" if kind == "TABLES" else "USAGE"
            await asyncio.to_thread(sql, tmp_path, f"GRANT {rights} ON ALL {kind} IN SCHEMA public TO member")
        async with SqlStore(server.url(name, "member")) as store:
            monkeypatch.setattr(stores, "ANN", await store.participant(stores.ANN))
            session_id = await create(store)
            await exchange(store, session_id, "question", "answer")
            await store.delete(session_id)
    finally:
        await asyncio.to_thread(sql, tmp_path, "DROP OWNED BY member")
        await asyncio.to_thread(server.execute, "DROP ROLE member")


# -- words -----------------------------------------------------------------------------------------------------------


async def test_search_finds_the_same_code_as_with_sqlite(store: SqlStore) -> None:
    session_id = await create(store)
    text = "Call `parse_config(path.join(a))` in Straße Élan, then HTTPServer2. It's don't-care; 東京"
    message = await say(store, session_id, text)
    for query in ("parse_config", "parse_conf", "path.join", "elan", "ÉLAN", "straße", "httpserver", "don't", "then call", "東"):
        assert [hit.message_id for hit in await store.search(query, scope=None, limit=5)] == [message], query
    for query in ("config_parse", "join.path", "onfig", "' & !x", "(", "\\", "zebra"):
        assert await store.search(query, scope=None, limit=5) == [], query


async def test_a_very_long_message_is_kept_whole_and_found_by_its_beginning(store: SqlStore) -> None:
    session_id = await create(store)
    words = " ".join(f"word{n}" for n in range(200_000)) + " " + "x" * 5000
    message = await say(store, session_id, words)
    assert (await store.entry(session_id, message)).message.text == words
    [hit] = await store.search("word77 word78", scope=None, limit=5)
    assert hit.message_id == message and len(hit.snippet) < 1100
    await say(store, session_id, "y" * 5000)
    assert len(await store.search("y" * 5000, scope=None, limit=5)) == 1


async def test_text_with_any_character_is_stored_unchanged(store: SqlStore, other: SqlStore) -> None:
    session_id = await create(store, title="nul \0 sub \x1a \x1a0")
    text = "a\0b\x1a\x1a0\x1a1\u2028é😀"
    message, _ = await exchange(store, session_id, text, text)
    assert (await other.entry(session_id, message)).message.text == text
    found, _ = await other.sessions(scope=None, state=None, query="nul sub", limit=5, cursor=None)
    assert [session.id for session in found] == [session_id]
    reply = await begin(store, session_id, await say(store, session_id, "go"))
    store.draft(session_id, reply, 0, "text", text)
    await rename(store, session_id, "x")
    [drafted] = await other.drafted(session_id, reply)
    assert drafted.text == text


# -- plans -----------------------------------------------------------------------------------------------------------


async def test_frequent_queries_scan_no_table(store: SqlStore) -> None:
    """Explain frequent statements on a server that scans a table only if no index helps."""
    session_id = await create(store)
    await exchange(store, session_id, "m1", "r1")
    backend = store._backend
    assert backend is not None and backend.database._engine is not None
    statements: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool) -> None:
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement) and "pg_" not in statement:
            statements[statement] = parameters[0] if executemany else parameters

    event.listen(backend.database._engine, "before_cursor_execute", note)
    await store.follow(session_id, limit=50)
    message = await say(store, session_id, "m2")
    reply = await begin(store, session_id, message)
    store.draft(session_id, reply, 0, "text", "word")
    await step(store, session_id, reply, 0)
    await end(store, session_id, reply, "r2")
    child = await fork(store, session_id, 4)
    await store.history(child, before=None, limit=50)
    await store.events(child, after=0)
    await store.transcript(child, through=4)
    await store.entry(child, message)
    await store.lapsed_claims()
    for folders in (None, ["file:///work"]):
        scope = None if folders is None else scope_of(folders, ["marker:a:."])
        await store.findings(state="open", scope=scope)
        await store.changed_findings(1, scope=scope)
        for query in (None, "session", "zebra"):
            await store.sessions(scope=scope, state=None, query=query, limit=50, cursor=None)
        await store.search("r2", scope=scope, limit=20)
    await store.seq_at(child, 4)
    await store.people()
    await store.login("owner")
    await store.delete(child)
    assert len(statements) > 40
    bad: dict[str, list[str]] = {}

    def explain(backend: Backend) -> None:
        with backend.database.reading() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            for statement, parameters in statements.items():
                if re.search(r"FOR (NO KEY )?(UPDATE|SHARE)", statement) or not re.match(r"\s*(SELECT|WITH)", statement):
                    continue
                plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
                # Scans of small tables are allowed: the forks of one session, and processes.
                if wrong := [line for line in plan if re.search(r"Seq Scan on (?!processes|claims)", line)]:
                    bad[statement] = wrong

    await store._job(store._writer, explain)
    assert bad == {}


async def test_a_rare_word_is_searched_in_the_index(tmp_path: Path, store: SqlStore) -> None:
    session_id = await create(store)
    await exchanges(store, session_id, [f"common word number{n}" for n in range(600)])
    await asyncio.to_thread(sql, tmp_path, "ANALYZE")
    query = "SELECT n FROM message_text WHERE words @@ '''number77'''::tsquery ORDER BY n DESC LIMIT 1000"
    plan = str(await asyncio.to_thread(sql, tmp_path, f"EXPLAIN {query}", enable_seqscan="off", enable_indexscan="off"))
    assert "message_text_by_words" in plan
    assert len(await store.search("number7", scope=None, limit=100)) == 11  # number7, number70 and so on
    assert [hit.snippet for hit in await store.search("common", scope=None, limit=2)] == [
        f"common word number{n}" for n in (599, 598)
    ]


# -- versions --------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY 1, 2"
)
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
_CONSTRAINTS = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
)
_SEQUENCES = "SELECT sequence_name, data_type FROM information_schema.sequences ORDER BY 1"


async def test_a_new_database_equals_the_result_of_the_migrations(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path, empty=True)) as store:
        await create(store)
    address = url(tmp_path / "migrated", empty=True)

    def migrate() -> None:
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(address))
        with engine.begin() as connection:
            migrations.upgrade(connection)
        engine.dispose()

    await asyncio.to_thread(migrate)
    for question in (_COLUMNS, _INDEXES, _CONSTRAINTS, _SEQUENCES):
        made, migrated = [await asyncio.to_thread(sql, folder, question) for folder in (tmp_path, tmp_path / "migrated")]
        assert made == migrated and made
    assert {row[4] for row in await asyncio.to_thread(sql, tmp_path, _COLUMNS) if row[2] == "text"} == {"C"}


async def test_an_older_database_is_migrated_by_one_of_several_processes(tmp_path: Path) -> None:
    address = url(tmp_path, empty=True)

    def migrate() -> None:
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(address))
        with engine.begin() as connection:
            migrations.upgrade(connection, migrations.REVISIONS[-2])
        engine.dispose()

    await asyncio.to_thread(migrate)
    stores = [SqlStore(url(tmp_path)) for _ in range(4)]
    assert len(set(await asyncio.gather(*(create(store) for store in stores)))) == 4
    for store in stores:
        await store.close()
    assert await asyncio.to_thread(sql, tmp_path, "SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]


async def test_a_newer_database_and_another_programs_are_left_alone(tmp_path: Path) -> None:
    async with SqlStore(url(tmp_path)) as store:
        await create(store)
    await asyncio.to_thread(sql, tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    url(tmp_path / "theirs", empty=True)
    await asyncio.to_thread(sql, tmp_path / "theirs", "CREATE TABLE theirs (a integer)")
    for folder, words in ((tmp_path, "newer version of sessionls"), (tmp_path / "theirs", "belongs to another program")):
        async with SqlStore(url(folder)) as store:
            with pytest.raises(StoreUnavailable, match=words):
                await create(store)
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    assert await asyncio.to_thread(sql, tmp_path / "theirs", tables) == [("theirs",)]
