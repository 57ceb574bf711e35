"""A team's PostgreSQL database of any size: copies of one session, made by SQL, because the store would take too long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import psycopg

from logins import TeamDatabase
from postgres_server import PostgresServer
from sessionls.store import SqlStore
from sessionls.store.engine.postgres.rights.tables import LEVELS
from sessionls.store.titles import pieces_of
from stores import create, exchanges, rename

__all__ = ["FINDINGS", "FOLDER", "MEMBER", "WORDS", "Filled", "fill_team"]

FOLDER = "file:///work"
MEMBER = "ann"
"""Owns one session in 50. One in ten is shared with the team. All others are hidden from this member."""
WORDS = "The parser reads the file line by line and drops the last one, because the range ends one line too early. "
FINDINGS = 20
"""Open findings that the member sees, all in one session. Of the hidden sessions, one in five has one, too, one in five is
archived, and in others a reply stopped.
"""

_N = 1_000_000  # the numbers of copies start here
_END = 1 << 53
_AT = """to_char(timestamp '2026-01-01' + copy.v * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.000"Z"')"""
_SHARED = "copy.v % 10 = 1"
_SEEN = f"copy.v % 50 = 0 OR {_SHARED}"
_COPIED = ("sessions", "session_places", "titles", "events", "messages")
_INDEXED = ("events", "messages", "message_text", "title_pieces", "reader_places", "session_places", "findings")
_FINDING = (
    '{"id":"%s","sessionId":"%s","messageId":"m","agent":"review","uri":"file:///work/read.py","range":{"start":'
    '{"line":1,"character":0},"end":{"line":1,"character":0}},"severity":2,"title":"A finding","body":"","state":"open",'
    '"createdAt":"2026-01-01T00:00:00.000Z"}'
)


@dataclass
class Filled:
    """The copies of `template`, numbered from 0. Each has `messages` messages."""

    database: TeamDatabase
    template: str
    count: int
    messages: int
    last: int = field(init=False)
    """The number of the newest session that the member owns."""

    def __post_init__(self) -> None:
        self.last = (self.count - 1) // 50 * 50

    def session(self, number: int) -> str:
        return f"{self.template[:-8]}{number:08}"


async def fill_team(database: TeamDatabase, count: int, *, events: int) -> Filled:
    """Make `count` sessions with so many events each. The database gathers its statistics at the end."""
    async with SqlStore(database.url(f"{database.name}_owner")) as store:
        template = await create(store, title="Session number 0", folders=[FOLDER])
        await exchanges(store, template, [WORDS] * ((events - 2) // 3))
        await rename(store, template, "Session number 1")
    filled = Filled(database, template, count, (events - 2) // 3 * 2)
    await asyncio.to_thread(_copy, filled)
    return filled


def _copy(filled: Filled) -> None:
    """Foreign keys and triggers are switched off meanwhile, and indexes are created at the end."""
    with psycopg.connect(PostgresServer.shared().url(filled.database.name), autocommit=True) as connection:

        def run(statement: str) -> None:
            connection.execute(statement.encode())

        for setting in ("session_replication_role = replica", "synchronous_commit = off", "maintenance_work_mem = '1GB'"):
            run(f"SET {setting}")
        run(f"CREATE TEMP TABLE copy AS SELECT v::bigint FROM generate_series(0, {filled.count - 1}) AS v")
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef NOT LIKE 'CREATE UNIQUE%%' "
            "AND tablename = ANY(%s)",
            (list(_INDEXED),),
        ).fetchall()
        for name, _ in indexes:
            run(f"DROP INDEX {name}")
        for statement in [*_sessions(connection, filled), *_access(filled), *_words(filled), *_findings(filled)]:
            run(statement)
        _titles(connection, filled)
        for _, definition in indexes:
            run(definition)
        for table in ("messages", "titles"):
            run(f"SELECT setval('{table}_n_seq', (SELECT max(n) FROM {table}))")
        run(f"UPDATE numbering SET rev = {_N + filled.count}")
        run("SET session_replication_role = origin")
        run("VACUUM (ANALYZE)")


def _own(filled: Filled) -> str:
    """The id of a copy, in SQL."""
    return f"('{filled.template[:-8]}' || to_char(copy.v, 'FM00000000'))"


def _owner(filled: Filled) -> str:
    """The login that owns a copy, in SQL."""
    return f"CASE WHEN copy.v % 50 = 0 THEN '{filled.database.login(MEMBER)}' ELSE 'person' || copy.v % 50 END"


def _sessions(connection: psycopg.Connection[Any], filled: Filled) -> list[str]:
    own, n = _own(filled), f"{_N} + copy.v"
    common = {
        "session_id": own,
        "rev": n,
        "updated_at": _AT,
        "title_key": "'session number ' || copy.v",
        "session": f"replace(replace(t.session, '{filled.template}', {own}), t.updated_at, {_AT})",
        "state": "CASE WHEN copy.v % 5 = 4 THEN 'archived' ELSE t.state END",
        "attention": "CASE WHEN copy.v % 10 = 3 THEN 1 END",
        "login": _owner(filled),
    }
    special = {
        "sessions": {"id": own},
        "titles": {"n": n},
        "messages": {"n": f"{_N} + copy.v * {filled.messages} + t.place"},
        "events": {"data": f"replace(t.data, '{filled.template}', {own})"},
    }
    made: list[str] = []
    for table in _COPIED:
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s", (table,)
        )
        names = [str(name) for (name,) in found.fetchall()]
        values = {name: f"t.{name}" for name in names}
        values |= {name: common[name] for name in names if name in common}
        values |= special.get(table, {})
        key = "id" if table == "sessions" else "session_id"
        made.append(
            f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM copy, {table} AS t "
            f"WHERE t.{key} = '{filled.template}' ORDER BY copy.v"
        )
    return made


def _access(filled: Filled) -> list[str]:
    own = _own(filled)
    roles = [
        f"INSERT INTO access (session_id, reader, heir, role, place, seq) "
        f"SELECT {own}, {who}, {own}, {role}, {_END}, {_END} FROM copy WHERE {only}"
        for who, role, only in ((_owner(filled), 4, "true"), ("'team'", 1, _SHARED))
    ]
    places = (
        "INSERT INTO reader_places (session_id, reader, kind, value, state, updated_at, attention, has_findings) "
        "SELECT s.id, a.reader, p.kind, p.value, s.state, s.updated_at, s.attention, false "
        "FROM sessions AS s JOIN access AS a ON a.session_id = s.id AND a.heir = s.id CROSS JOIN LATERAL "
        "(SELECT kind, value FROM session_places WHERE session_id = s.id UNION ALL SELECT '*', '') AS p "
        f"WHERE s.rev >= {_N}"
    )
    return [*roles, places]


def _readers(filled: Filled, n: str) -> str:
    """The keys of the readers in the full-text indexes, in SQL."""
    levels = ", ".join(map(str, LEVELS))
    return (
        f"ARRAY(SELECT level || ':' || ({n} >> level) || ':' || who FROM unnest(ARRAY[{levels}]) AS level, "
        f"unnest(ARRAY[{_owner(filled)}, CASE WHEN {_SHARED} THEN 'team' END]) AS who WHERE who IS NOT NULL)"
    )


def _words(filled: Filled) -> list[str]:
    """What is in the index of messages: also a word of each session, and one that shows whether the member sees it."""
    more = f"CASE WHEN {_SEEN} THEN 'seen' ELSE 'unseen' END || ' unique' || copy.v"
    n = f"({_N} + copy.v * {filled.messages} + m.place)"
    return [
        (
            f"INSERT INTO message_text (n, words, places, readers) "
            f"SELECT {n}, f.words || CAST({more} AS tsvector), f.places, {_readers(filled, n)} "
            f"FROM copy, messages AS m JOIN message_text AS f ON f.n = m.n "
            f"WHERE m.session_id = '{filled.template}' ORDER BY copy.v"
        )
    ]


def _titles(connection: psycopg.Connection[Any], filled: Filled) -> None:
    connection.execute("CREATE TEMP TABLE pieces (v bigint, pieces text[])")
    with connection.cursor() as cursor, cursor.copy("COPY pieces FROM STDIN") as copy:
        for number in range(filled.count):
            copy.write_row((number, pieces_of(f"session number {number}")))
    n = f"({_N} + copy.v)"
    statement = (
        f"INSERT INTO title_pieces (n, pieces, readers) SELECT {n}, p.pieces, {_readers(filled, n)} "
        "FROM copy JOIN pieces AS p ON p.v = copy.v"
    )
    connection.execute(statement.encode())


def _findings(filled: Filled) -> list[str]:
    own = _own(filled)
    made = [
        "INSERT INTO findings (id, session_id, rev, uri, code, state, data) "
        f"SELECT id, {own}, {_N} + copy.v, 'file:///work/read.py', 'code-' || copy.v, 'open', format('{_FINDING}', id, {own}) "
        f"FROM copy, LATERAL (SELECT copy.v || '-' || n AS id FROM generate_series(1, {times}) AS n) AS one WHERE {only}"
        for only, times in (("copy.v = 0", FINDINGS), ("copy.v % 5 = 2", 1))
    ]
    return [*made, "UPDATE reader_places SET has_findings = true WHERE session_id IN (SELECT session_id FROM findings)"]
