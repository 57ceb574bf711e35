"""What questions cost where rows are hidden: no more for all the sessions that somebody does not see.

Everything is asked with a member's own login. The database itself counts the rows that it reads, also those in functions and for
policies.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event, text

import stores
from logins import TeamDatabase
from sessionls.domain.model import Participant
from sessionls.domain.scope import scope_of
from sessionls.store import SqlStore
from stores import fork, rename
from team_filling import FINDINGS, FOLDER, MEMBER, Filled, fill_team

_SESSIONS = 15_000
_NEAR = (
    8192 // 8
)  # the newest messages, of which the member sees one in eight, are compared when a word may be the beginning of one
_READ = text("SELECT relname, seq_tup_read, coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables")
# The tables that grow with sessions and events.
_LARGE = (
    "sessions",
    "events",
    "messages",
    "message_text",
    "findings",
    "access",
    "reader_places",
    "session_places",
    "titles",
    "title_pieces",
)
_SCOPE = scope_of([FOLDER])


@dataclass
class Asked:
    store: SqlStore
    filled: Filled


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    folder: Path = tmp_path_factory.mktemp("filled")
    return asyncio.run(fill_team(TeamDatabase.make(folder, MEMBER), _SESSIONS, events=8))


@pytest.fixture
async def asked(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Any:
    async with SqlStore(filled.database.of(MEMBER)) as store:
        monkeypatch.setattr(stores, "ANN", await store.participant(Participant(id="-", name="Ann")))
        yield Asked(store, filled)


@dataclass
class Seen:
    """What a question read: rows by an index and without one, by table; and its statements with their parameters."""

    by_index: Counter[str]
    scanned: Counter[str]
    statements: dict[str, Any]


async def seen(store: SqlStore, ask: Callable[[], Awaitable[object]]) -> Seen:
    """What the question reads when it is asked a second time."""
    found = Seen(Counter(), Counter(), {})

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and "pg_stat" not in statement:
            found.statements[statement] = parameters[0] if many else parameters

    # (The server adds up several transactions of a connection for a second, so what was before is subtracted.)
    def begin(connection: Connection) -> None:
        for table, scanned, by_index in connection.execute(_READ):
            found.scanned[table] -= scanned
            found.by_index[table] -= by_index

    def count(connection: Connection) -> None:
        for table, scanned, by_index in connection.execute(_READ):
            found.scanned[table] += scanned
            found.by_index[table] += by_index

    await ask()
    assert store._backend is not None and store._backend.database._engine is not None
    engine = store._backend.database._engine
    listeners: list[tuple[str, Any]] = [("before_cursor_execute", note), ("begin", begin), ("commit", count)]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        await ask()
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
    return found


_QUESTIONS: dict[str, tuple[int, Callable[[Asked], Awaitable[object]]]] = {
    # For each: how many rows may be read at most, and the question.
    "list": (1000, lambda at: at.store.sessions(scope=None, state=None, query=None, limit=50, cursor=None)),
    "list of a folder": (1000, lambda at: at.store.sessions(scope=_SCOPE, state=None, query=None, limit=50, cursor=None)),
    "list of what is archived": (
        100,
        lambda at: at.store.sessions(scope=None, state="archived", query=None, limit=9, cursor=None),
    ),
    "rare title": (600, lambda at: at.store.sessions(scope=_SCOPE, state=None, query="14900", limit=50, cursor=None)),
    "hidden title": (600, lambda at: at.store.sessions(scope=_SCOPE, state=None, query="14932", limit=50, cursor=None)),
    "page of messages": (300, lambda at: at.store.history(at.filled.session(1000), before=None, limit=50)),
    "open": (400, lambda at: at.store.follow(at.filled.session(1000), limit=50)),
    "events": (100, lambda at: at.store.events(at.filled.session(1000), after=0)),
    "message": (50, lambda at: at.store.transcript(at.filled.session(1000), through=2)),
    "rare word": (200 + _NEAR, lambda at: at.store.search("unique2500", scope=None, limit=20)),
    "rare word in a folder": (200 + _NEAR, lambda at: at.store.search("unique2500", scope=_SCOPE, limit=20)),
    "word of hidden messages": (50 + _NEAR, lambda at: at.store.search("unseen", scope=None, limit=20)),
    "word of hidden messages in a folder": (50 + _NEAR, lambda at: at.store.search("unseen", scope=_SCOPE, limit=20)),
    "common word elsewhere": (100, lambda at: at.store.search("parser", scope=scope_of(["file:///elsewhere"]), limit=20)),
    "common word": (8000, lambda at: at.store.search("parser", scope=None, limit=20)),
    "common word in a folder": (8000, lambda at: at.store.search("parser", scope=_SCOPE, limit=20)),
    "beginning of a common word": (12_000, lambda at: at.store.search("pars", scope=_SCOPE, limit=20)),
    "common title": (16_000, lambda at: at.store.sessions(scope=_SCOPE, state=None, query="session", limit=50, cursor=None)),
    "no word": (50 + _NEAR, lambda at: at.store.search("zebra", scope=None, limit=20)),
    "open findings": (300, lambda at: at.store.findings(state="open", scope=None)),
    "open findings of a folder": (300, lambda at: at.store.findings(state="open", scope=_SCOPE)),
    "open findings of a file": (300, lambda at: at.store.findings(state="open", uri="file:///work/read.py", scope=_SCOPE)),
    "changed findings": (300, lambda at: at.store.changed_findings(None, scope=_SCOPE)),
    "retention": (900, lambda at: at.store.unchanged_sessions("active", before="2027", after=("", ""), limit=50)),
    "retention of what is archived": (
        50,
        lambda at: at.store.unchanged_sessions("archived", before="2027", after=("", ""), limit=50),
    ),
    "replies of ended processes": (50, lambda at: at.store.lapsed_claims()),
    "people": (50, lambda at: at.store.people()),
    "fork": (500, lambda at: fork(at.store, at.filled.session(1000), 4)),
    "change": (200, lambda at: rename(at.store, at.filled.session(1050), "Another title")),
}


@pytest.mark.parametrize("name", _QUESTIONS)
async def test_a_question_reads_what_it_shows_and_not_what_others_have(asked: Asked, name: str) -> None:
    most, ask = _QUESTIONS[name]
    found = await seen(asked.store, lambda: ask(asked))
    assert {table: found.scanned[table] for table in _LARGE if found.scanned[table]} == {}, "scanned whole"
    read = {table: found.by_index[table] for table in _LARGE}
    assert sum(read.values()) <= most, read


@pytest.mark.parametrize("name", [name for name in _QUESTIONS if name not in ("fork", "change")])
async def test_the_plan_of_a_question_scans_no_large_table(asked: Asked, name: str) -> None:
    found = await seen(asked.store, lambda: _QUESTIONS[name][1](asked))

    def explain() -> list[str]:
        bad: list[str] = []
        with psycopg.connect(asked.filled.database.of(MEMBER)) as connection:
            for statement, values in found.statements.items():
                lines = [row[0] for row in connection.execute(f"EXPLAIN {statement}".encode(), values)]
                if [line.strip() for line in lines[1:2]] == ["One-Time Filter: false"]:
                    continue  # nothing is read (PostgreSQL 15 also shows what it would have read)
                plan = "\n".join(lines)
                bad += [plan for table in _LARGE if f"Seq Scan on {table}" in plan]
        return bad

    assert found.statements
    assert await asyncio.to_thread(explain) == []


async def test_everything_that_the_member_may_see_is_found(asked: Asked) -> None:
    store, filled = asked.store, asked.filled
    own = [filled.session(number) for number in range(0, _SESSIONS, 50)]
    assert len(await store.findings(state="open", scope=None)) == FINDINGS
    rare = await store.search("unique2500", scope=_SCOPE, limit=50)
    assert {hit.session.id for hit in rare} == {filled.session(2500)} and len(rare) == filled.messages
    old = await store.unchanged_sessions("active", before="2027", after=("", ""), limit=_SESSIONS)
    assert set(own) - {session.id for session in old} == set() and len(old) >= _SESSIONS // 50 + _SESSIONS // 10
    page, _ = await store.sessions(scope=_SCOPE, state=None, query="number 14900", limit=50, cursor=None)
    assert [session.id for session in page] == [filled.session(14900)]


async def test_the_newest_matches_of_a_common_word_are_found(asked: Asked) -> None:
    def numbers() -> list[Any]:
        login = asked.filled.database.login(MEMBER)
        matches = "SELECT n FROM sessionls_matches('''parser''', 1::bigint << 60, 900, NULL)"
        visible = "SELECT n FROM messages WHERE n % 2 = 0 ORDER BY n DESC LIMIT 900"  # the replies
        return [[n for (n,) in asked.filled.database.run(login, statement)] for statement in (matches, visible)]

    matches, visible = await asyncio.to_thread(numbers)
    assert matches == visible and len(matches) == 900


async def test_rows_of_functions_are_counted(asked: Asked) -> None:
    """A test of the tests above."""
    found = await seen(asked.store, lambda: asked.store.search("unique2500", scope=None, limit=20))
    assert found.by_index["message_text"] >= asked.filled.messages
