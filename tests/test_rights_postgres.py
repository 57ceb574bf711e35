"""What a hostile client can do with raw SQL and a member's login: no more than the role in the session allows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

import stores
from logins import TeamDatabase
from sessionls.domain import events as ev
from sessionls.domain import transitions
from sessionls.domain.errors import SessionUnreadable, StoreUnavailable
from sessionls.domain.ids import new_id, now
from sessionls.domain.model import Finding, Participant, Person, Position, Range, Role
from sessionls.store import SqlStore, maintenance
from stores import begin, create, end, exchange, exchanges, fork, rename, say

T = TypeVar("T")
MEMBERS = ("ann", "bob", "carl")


@dataclass
class Team:
    database: TeamDatabase
    stores: dict[str, SqlStore]
    people: dict[str, Participant]

    async def act(self, member: str, action: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Call a helper of `stores.py` as that member."""
        stores.ANN = self.people[member]
        return await action(self.stores[member], *arguments)

    async def share(self, session_id: str, member: str, role: Role, by: str = "ann") -> None:
        person = Person(id=member if member == "team" else self.people[member].id, role=role)
        author = self.people[by]
        await self.stores[by].change(session_id, lambda change: transitions.share(change, person, author))

    async def unshare(self, session_id: str, member: str, by: str = "ann") -> None:
        person, author = member if member == "team" else self.people[member].id, self.people[by]
        await self.stores[by].change(session_id, lambda change: transitions.unshare(change, person, author))

    def sql(self, member: str, statement: str, *parameters: Any) -> list[Any]:
        return self.database.run(self.database.login(member), statement, *parameters)

    def copied(self, member: str, table: str) -> bytes:
        """What `COPY` gives of a table."""
        with (
            psycopg.connect(self.database.of(member)) as connection,
            connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy,
        ):
            return b"".join(bytes(part) for part in copy)

    def owner(self, statement: str, *parameters: Any) -> list[Any]:
        return self.database.run(f"{self.database.name}_owner", statement, *parameters)

    def content(self) -> dict[str, list[Any]]:
        """The whole content of the database, as its owner sees it."""
        tables = [row[0] for row in self.owner("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
        return {table: sorted(map(repr, self.owner(f"SELECT * FROM {table}"))) for table in tables if table != "processes"}


@pytest.fixture
async def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Team]:
    monkeypatch.setattr(stores, "ANN", stores.ANN)  # put back afterwards
    database = await asyncio.to_thread(TeamDatabase.make, tmp_path, *MEMBERS)
    async with AsyncExitStack() as open_:
        made = Team(database, {}, {})
        for name in MEMBERS:
            store = made.stores[name] = await open_.enter_async_context(SqlStore(database.of(name)))
            made.people[name] = await store.participant(Participant(id="-", name=name.title()))
        yield made


async def session_with_everything(team: Team) -> str:
    """A session of Ann's: messages, a finding, and a reply that is being written, with drafts."""
    session_id = await team.act("ann", create)
    store = team.stores["ann"]
    _, reply = await team.act("ann", exchange, session_id, "secret question", "secret answer")
    place = Range(start=Position(line=0, character=0), end=Position(line=1, character=0))
    finding = Finding(
        id=new_id(), uri="file:///work/a.py", range=place, severity=2, title="secret", body="b", agent="code", message_id=reply
    )
    await store.change(session_id, lambda change: change.add(ev.FindingReported, by=ev.ByAgent(agent="code"), finding=finding))
    writing = await team.act("ann", begin, session_id, await team.act("ann", say, session_id, "secret too"))
    store.draft(session_id, writing, 0, "text", "secret draft")
    await team.act("ann", say, session_id, "it waits")
    return session_id


# -- reading ---------------------------------------------------------------------------------------------------------


async def test_of_a_session_that_is_not_shared_nothing_can_be_read(team: Team) -> None:
    session_id = await session_with_everything(team)
    tables = await asyncio.to_thread(team.owner, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    public = {"numbering", "profiles", "names", "alembic_version", "processes"}
    filled = 0
    for (table,) in tables:
        if table in public:
            continue
        filled += len(await asyncio.to_thread(team.owner, f"SELECT * FROM {table} LIMIT 1"))
        assert await asyncio.to_thread(team.sql, "bob", f"SELECT * FROM {table}") == [], table
        assert await asyncio.to_thread(team.copied, "bob", table) == b"", table
    assert filled >= 12
    for function in (
        "SELECT * FROM sessionls_matches('''secret''', 1::bigint << 60, 100, NULL)",
        "SELECT * FROM sessionls_ranks('''secret''', ARRAY(SELECT generate_series(1, 100)::bigint))",
        "SELECT * FROM sessionls_titled(ARRAY[encode('s', 'hex')], NULL)",
        f"SELECT * FROM sessionls_new_session('{session_id}')",
    ):
        assert await asyncio.to_thread(team.sql, "bob", function) == [], function
    bob = team.stores["bob"]
    assert await bob.search("secret", scope=None, limit=5) == []
    assert await bob.sessions(scope=None, state=None, query=None, limit=5, cursor=None) == ([], None)
    assert await bob.sessions(scope=None, state=None, query="session", limit=5, cursor=None) == ([], None)
    assert await bob.findings() == [] and await bob.lapsed_claims() == [] and await bob.older_places() == []
    assert (await bob.changed_findings(None, scope=None))[1] == []


async def test_notifications_have_no_content(team: Team) -> None:
    with psycopg.connect(team.database.of("bob"), autocommit=True) as connection:
        connection.execute("LISTEN sessionls")
        await session_with_everything(team)
        await team.stores["ann"].close()
        told = await asyncio.to_thread(lambda: list(connection.notifies(timeout=0.5)))
    assert told and {notify.payload for notify in told} == {""}


async def test_a_fork_shows_what_it_holds_of_a_session_that_is_not_shared_and_nothing_else(team: Team) -> None:
    session_id = await team.act("ann", create)
    await team.act("ann", exchange, session_id, "before one", "before two")
    child = await team.act("ann", fork, session_id, 2)
    await team.act("ann", exchange, session_id, "after one", "after two")
    await team.share(child, "bob", "reader")
    bob = team.stores["bob"]
    messages, _ = await bob.history(child, before=None, limit=9)
    assert [message.text for message in messages] == ["before one", "before two"]
    assert len(await bob.events(child, after=0)) == len(await team.stores["ann"].events(child, after=0))
    assert [hit.session.id for hit in await bob.search("before", scope=None, limit=5)] == [child, child]
    assert await bob.search("after", scope=None, limit=5) == []
    seen = await asyncio.to_thread(team.sql, "bob", "SELECT data FROM messages UNION ALL SELECT data FROM events")
    assert seen and "after" not in str(seen)
    assert await asyncio.to_thread(team.sql, "bob", "SELECT id FROM sessions") == [(child,)]
    grandchild = await team.act("bob", fork, child, 2)
    await team.unshare(child, "bob")
    await team.stores["ann"].delete(child)
    await team.stores["ann"].delete(session_id)
    messages, _ = await bob.history(grandchild, before=None, limit=9)
    assert [message.text for message in messages] == ["before one", "before two"], "a fork keeps what it holds"


async def test_a_search_finds_exactly_what_a_member_may_read(team: Team) -> None:
    """Also what was shared after it was written, with forks of forks, in other folders, and with numbers far apart."""

    async def check(when: str) -> None:
        for member in MEMBERS:
            for matches, visible in (
                ("SELECT n FROM sessionls_matches('word', 1::bigint << 60, 1000, NULL)", "SELECT n FROM messages"),
                ("SELECT session_id FROM sessionls_titled(ARRAY['61'], NULL)", "SELECT id FROM sessions WHERE title_key > ''"),
            ):
                found, readable = [await asyncio.to_thread(team.sql, member, one) for one in (matches, visible)]
                assert sorted(found) == sorted(readable), f"{member}, {when}"

    async def written(session_id: str, count: int) -> None:
        await team.act("ann", exchanges, session_id, ["a word"] * count)
        await asyncio.to_thread(team.owner, "UPDATE message_text SET words = 'word'")
        await asyncio.to_thread(team.owner, "SELECT setval('messages_n_seq', nextval('messages_n_seq') * 5)")

    first = await team.act("ann", create)
    await written(first, 3)
    child = await team.act("ann", fork, first, 4)
    await written(child, 2)
    grandchild = await team.act("ann", fork, child, 2)
    await written(first, 2)
    await written(grandchild, 1)
    await check("before sharing")
    await team.share(grandchild, "bob", "reader")
    await check("after a fork of a fork was shared")
    await team.share(child, "bob", "writer")
    await team.share(first, "ann", "owner")
    await team.share(first, "team", "reader")
    await check("after everything was shared")
    own = await team.act("carl", fork, first, 4)
    await team.unshare(first, "team")
    await check("after it was private again")
    await written(first, 2)
    await team.share(first, "bob", "reader")
    await team.share(own, "bob", "reader", by="carl")
    assert len(await team.stores["carl"].search("word", scope=None, limit=50)) == 4
    await check("after it was shared again")
    await team.stores["ann"].delete(first)
    await team.stores["ann"].delete(child)
    await check("after it was deleted")
    assert len(await team.stores["carl"].search("word", scope=None, limit=50)) == 4


@pytest.mark.parametrize("revision", ["0013", "0014"])
async def test_an_older_database_of_several_people_is_migrated_by_its_owner(team: Team, revision: str) -> None:
    session_id = await session_with_everything(team)
    for name in ("bob", "carl"):
        failed = await team.act(name, create)
        reply = await team.act(name, begin, failed, await team.act(name, say, failed, "go"))
        await end(team.stores[name], failed, reply, status="failed")
    await team.act("ann", fork, session_id, 2)
    await team.share(session_id, "ann", "owner")
    await team.share(session_id, "bob", "reader")
    await team.stores["ann"].change(session_id, lambda change: transitions.unshare(change, "carl", team.people["ann"]))
    for store in team.stores.values():
        await store.close()
    tables = ("sessions", "message_text", "title_pieces", "reader_places")

    def content() -> list[str]:
        """The rows, with arrays in any order."""
        rows = [row for table in tables for (row,) in team.owner(f"SELECT to_jsonb({table}) FROM {table}")]
        return sorted(
            str({name: sorted(value) if isinstance(value, list) else value for name, value in row.items()}) for row in rows
        )

    before = await asyncio.to_thread(content)
    assert "'has_findings': True" in str(before) and str(before).count("'attention': 1") >= 4
    since_0015 = (
        "ALTER TABLE message_text DROP COLUMN readers, DROP COLUMN places",
        "ALTER TABLE title_pieces DROP COLUMN readers",
        "ALTER TABLE reader_places DROP COLUMN attention, DROP COLUMN has_findings",
        "CREATE INDEX message_text_by_words ON message_text USING gin (words)",
        "CREATE INDEX title_pieces_by_piece ON title_pieces USING gin (pieces)",
    )
    since_0014 = ("ALTER TABLE sessions DROP COLUMN attention",)
    removed = since_0015 if revision == "0014" else (*since_0015, *since_0014)
    for statement in (*removed, f"UPDATE alembic_version SET version_num = '{revision}'"):
        await asyncio.to_thread(team.owner, statement)
    await asyncio.to_thread(maintenance.migrate, team.database.url(f"{team.database.name}_owner"))
    assert await asyncio.to_thread(content) == before


async def test_the_index_of_words_shows_nobody_who_has_access(team: Team) -> None:
    session_id = await team.act("ann", create)
    await team.act("ann", exchange, session_id, "one", "two")
    await team.share(session_id, "bob", "writer")
    child = await team.act("ann", fork, session_id, 2)
    await team.share(child, "carl", "reader")
    assert await asyncio.to_thread(team.sql, "bob", "SELECT * FROM message_text") == []
    assert (
        await asyncio.to_thread(team.sql, "bob", "SELECT * FROM reader_places WHERE reader NOT IN (session_user, 'team')") == []
    )
    seen = await asyncio.to_thread(team.sql, "bob", "SELECT sessionls_readers($$%s$$, 1)" % session_id)  # noqa: UP031
    assert seen == [(team.people["bob"].id,)]


async def test_words_are_indexed_only_with_ones_own_event(team: Team) -> None:
    session_id = await team.act("ann", create)
    message, _ = await team.act("ann", exchange, session_id, "one", "two")
    await team.share(session_id, "bob", "writer")
    for words in ("'forged'", "NULL"):
        index = f"SELECT sessionls_index_words('{session_id}', '{message}', {words})"
        for member in ("ann", "bob", "carl"):
            assert "must be indexed with its event" in await asyncio.to_thread(attempt, team, member, index)
    index = f"SELECT sessionls_index_reader('{session_id}', 'x'), sessionls_index_place('{session_id}', 'folder', 'x')"
    words = "SELECT * FROM message_text"
    before = await asyncio.to_thread(team.owner, words)
    for member in MEMBERS:
        await asyncio.to_thread(attempt, team, member, index)
    assert await asyncio.to_thread(team.owner, words) == before


async def test_a_fork_cannot_reach_beyond_what_is_there_when_it_is_made(team: Team) -> None:
    session_id = await team.act("ann", create)
    await team.act("ann", exchange, session_id, "now one", "now two")
    await team.share(session_id, "bob", "reader")
    await team.act("bob", fork, session_id, 2)
    for place, seq in ((2, 1000), (1000, 2)):
        copy = (
            "INSERT INTO sessions SELECT 'x', -5, false, id, %s, %s, state, title_key, updated_at, seq, placed, reply, summary, "
            "replace(session, id, 'x'), rest FROM sessions WHERE id = %s"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await asyncio.to_thread(team.sql, "bob", copy, place, seq, session_id)


async def test_sharing_may_take_longer_than_other_changes(team: Team) -> None:
    """Each message of the session is indexed for the new reader."""
    session_id = await team.act("ann", create)
    slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$"
    for statement in (slow, "CREATE TRIGGER slow AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION slow()"):
        await asyncio.to_thread(team.owner, statement)
    async with SqlStore(team.database.of("ann"), patience=0.5) as store:
        with pytest.raises(StoreUnavailable):
            await rename(store, session_id, "Another title")
        person = Person(id=team.people["bob"].id, role="reader")
        await store.change(session_id, lambda change: transitions.share(change, person, team.people["ann"]))
    await team.stores["bob"].session(session_id)


async def test_losing_access_is_reported_and_prevents_reading(team: Team) -> None:
    session_id = await session_with_everything(team)
    await team.share(session_id, "bob", "reader")
    bob = team.stores["bob"]
    heard = stores.Heard(bob)
    await bob.follow(session_id)
    await team.unshare(session_id, "bob")
    await heard.until(lambda: any(one.session_id == session_id and one.session is None for one in heard.sessions))
    events = len(heard.events)
    await team.stores["ann"].change(session_id, lambda change: transitions.rename(change, "secret title", team.people["ann"]))
    await asyncio.sleep(1)
    assert len(heard.events) == events and "secret title" not in str(heard.sessions)
    assert await asyncio.to_thread(team.sql, "bob", "SELECT * FROM sessions UNION ALL SELECT * FROM sessions") == []


async def test_a_function_of_ones_own_sees_no_row_before_the_database_has_filtered_it(team: Team) -> None:
    await session_with_everything(team)

    def told() -> list[str]:
        heard: list[str] = []
        with psycopg.connect(team.database.of("bob"), autocommit=True) as connection:
            connection.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
            connection.execute(
                "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 "
                "AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
            )
            for table, column in (("messages", "data"), ("events", "message"), ("sessions", "session"), ("drafts", "text")):
                rows = connection.execute(f"SELECT * FROM {table} WHERE pg_temp.leak({column})".encode()).fetchall()
                assert rows == []
        return heard

    assert await asyncio.to_thread(told) == []


async def test_a_name_that_somebody_bore_is_not_borne_by_somebody_else(team: Team) -> None:
    store = team.stores["ann"]
    await store.participant(Participant(id="-", name="Anna"), renames=True)
    taken = await team.stores["bob"].participant(Participant(id="-", name="Ann"), renames=True)
    assert taken.name == f"Ann ({taken.id})"


# -- writing ---------------------------------------------------------------------------------------------------------

_TABLES_WITH_ROWS = ("sessions", "events", "messages", "findings", "session_places", "titles", "claims", "drafts", "access")
_FORGED = {"id": "-", "name": "Ann"}


def attacks(session_id: str, ann: str, bob: str) -> dict[str, str]:
    """Statements that no role allows, by what they would do."""
    event = json.dumps({"by": {"id": ann, "name": "Ann"}, "title": "mine"})
    nameless, extra = json.dumps({"title": "mine"}), json.dumps({"by": {"id": bob, "name": "Bob"}, "title": "x", "seq": 1})
    s = f"'{session_id}'"
    me = {"id": bob, "name": "Bob"}
    mention = {
        "kind": "mention",
        "participant": {"id": ann, "name": "Ann"},
        "by": me,
        "messageId": "x",
        "note": "pay",
        "at": now(),
    }
    tables = ("sessions", "events", "findings", "summaries", "titles", "session_places", "access", "reader_places", "numbering")
    return {
        **{f"delete {table}": f"DELETE FROM {table}" for table in (*tables, "messages", "profiles", "names", "alembic_version")},
        **{f"truncate {table}": f"TRUNCATE {table} CASCADE" for table in tables},
        "rewrite an event": f"UPDATE events SET data = replace(data, 'secret', 'other') WHERE session_id = {s}",
        "rewrite a message": f"UPDATE messages SET data = replace(data, 'secret', 'other') WHERE session_id = {s}",
        "change an author": f"UPDATE messages SET data = replace(data, '{ann}', '{bob}') WHERE session_id = {s}",
        "move a message": f"UPDATE messages SET session_id = 'x' WHERE session_id = {s}",
        "raise the role": "UPDATE access SET role = 4",
        "give oneself a role": f"INSERT INTO access VALUES ({s}, '{bob}', {s}, 4, 1, 1)",
        "grant access with the function": f"SELECT sessionls_grant_access({s}, '{bob}', 4)",
        "revoke access with the function": f"SELECT sessionls_revoke_access({s}, '{ann}')",
        "erase by the function": f"SELECT sessionls_erase({s})",
        "move a claim": f"UPDATE claims SET process = 'mine' WHERE session_id = {s}",
        "end a lease": f"UPDATE processes SET alive_until = 0 WHERE login = '{ann}'",
        "forget a process": f"DELETE FROM processes WHERE login = '{ann}'",
        "change another login's profile": f"UPDATE profiles SET name = 'Mallory' WHERE login = '{ann}'",
        "take a name": f"UPDATE profiles SET name = 'ann' WHERE login = '{bob}'",
        "take a login for a name": f"UPDATE profiles SET name = '{ann}' WHERE login = '{bob}'",
        "take a profile": f"INSERT INTO profiles VALUES ('{ann}x', 'Ann X', NULL); UPDATE profiles SET login = '{ann}y'",
        "a name of before": f"INSERT INTO names VALUES ('{bob}', 'Ann', '')",
        "number at will": "UPDATE numbering SET rev = 1 << 40",
        "jump": f"UPDATE sessions SET rev = 1::bigint << 60 WHERE id = {s}",
        "another version": "UPDATE alembic_version SET version_num = '9999'",
        "the title": f"UPDATE sessions SET title_key = 'x' WHERE id = {s}",
        "the list": f"UPDATE reader_places SET updated_at = '9' WHERE session_id = {s}",
        "the state": f"UPDATE sessions SET state = 'archived' WHERE id = {s}",
        "who has it": f'UPDATE sessions SET session = replace(session, \'"role":"owner"\', \'"role":"reader"\') WHERE id = {s}',
        "a grant": f'UPDATE sessions SET rest = replace(rest, \'"granted":[\', \'"granted":[["{ann}","rm"]\') WHERE id = {s}',
        **{
            what: f"INSERT INTO events (session_id, seq, at, kind, data) "
            f"SELECT {s}, max(seq) + 1, '{now()}', 'renamed', '{data}' FROM events WHERE session_id = {s}"
            for what, data in (("a forged event", event), ("a nameless event", nameless), ("an event with two numbers", extra))
        },
        "a mention that nobody sent": (
            f"UPDATE sessions SET session = jsonb_set(session::jsonb, '{{needs}}', '[{json.dumps(mention)}]')::text "
            f"WHERE id = {s}"
        ),
        "copy into": "COPY events FROM STDIN",
        "words of a message": "UPDATE message_text SET words = '' WHERE n IN (SELECT n FROM messages WHERE data LIKE '%secret%')",
        "move a message up": f"UPDATE messages SET place = 0 WHERE session_id = {s}",
        "hide a message": f"UPDATE messages SET place = NULL WHERE session_id = {s} AND place IS NOT NULL",
        "a process of another login": (
            f"INSERT INTO processes (id, alive_until, lease) SELECT process, 1 << 30, 1 FROM claims WHERE session_id = {s}"
        ),
        "claim what somebody sent": f"INSERT INTO claims SELECT session_id, id, 'mine' FROM messages WHERE session_id = {s}",
        "disable a trigger": "ALTER TABLE events DISABLE TRIGGER ALL",
        "no row security": "ALTER TABLE events NO FORCE ROW LEVEL SECURITY",
        "replication": "SET session_replication_role = replica",
        "another login": f'SET SESSION AUTHORIZATION "{ann}"',
        "a table": "CREATE TABLE public.mine (a integer)",
        "a function": "CREATE OR REPLACE FUNCTION sessionls_trusted() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "a sequence": "SELECT setval('messages_n_seq', 1)",
    }


def attempt(team: Team, member: str, statement: str) -> str:
    """Run it; gives what it changed, or the error."""
    try:
        with psycopg.connect(team.database.of(member), autocommit=True) as connection:
            if statement.startswith("COPY"):
                with connection.cursor().copy(statement.encode()) as copy:
                    copy.write(b"x\t1\tx\tx\tx\tx\n")
                return "copied"
            return f"{connection.execute(statement.encode()).rowcount} rows"
    except psycopg.Error as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("role", [None, "reader", "commenter", "writer"])
async def test_no_role_below_owner_changes_what_others_wrote(team: Team, role: Role | None) -> None:
    session_id = await session_with_everything(team)
    if role is not None:
        await team.share(session_id, "bob", role)
    await asyncio.sleep(0.2)  # the drafts are saved
    before = await asyncio.to_thread(team.content)
    assert all(before[table] for table in _TABLES_WITH_ROWS)
    for what, statement in attacks(session_id, team.people["ann"].id, team.people["bob"].id).items():
        outcome = await asyncio.to_thread(attempt, team, "bob", statement)
        after = await asyncio.to_thread(team.content)
        changed = {table: (before[table], after[table]) for table in before if before[table] != after[table]}
        assert changed == {}, f"{what} ({statement}): {outcome}"


async def test_what_a_member_breaks_in_a_session_of_their_own_breaks_no_other(team: Team) -> None:
    whole = await team.act("ann", create)
    broken = await team.act("bob", create)
    await team.share(broken, "bob", "owner", by="bob")
    await team.share(broken, "team", "reader", by="bob")
    bob = {"id": team.people["bob"].id, "name": team.people["bob"].name}
    event = json.dumps({"by": bob})
    renamed = f"SELECT '{broken}', max(seq) + 1, 'x', 'renamed', '{event}' FROM events WHERE session_id = '{broken}'"
    odd = """replace(session, '"agent":"code"', '"agent":7')"""
    statements = (
        f"INSERT INTO events (session_id, seq, at, kind, data) {renamed}",
        f"UPDATE sessions SET seq = seq + 1, rev = sessionls_next_rev(), session = {odd} WHERE id = '{broken}'",
    )
    heard = asyncio.Event()
    ann = team.stores["ann"]
    ann.subscribe(lambda notice: heard.set() if getattr(notice, "session_id", "") == whole else None)
    await ann.follow(broken, limit=1)
    with psycopg.connect(team.database.of("bob")) as connection:
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount == 1
    async with AsyncExitStack() as open_:
        again = await open_.enter_async_context(SqlStore(team.database.of("ann")))
        await again.change(whole, lambda change: transitions.rename(change, "Whole", team.people["ann"]))
        await asyncio.wait_for(heard.wait(), 20)
        page, _ = await again.sessions(scope=None, state=None, query=None, limit=10, cursor=None)
        assert [session.id for session in page] == [whole]
        with pytest.raises(SessionUnreadable):
            await again.session(broken)
