"""What long and many sessions cost: forks, opening, lists, search. The sessions are created directly in the store."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable

from bench import Bench
from filling import fill, many_sessions
from lsp import Server
from table import Row

__all__ = ["finding", "long_sessions", "reading"]

_ROW = "INSERT INTO bench VALUES (?)"
_LAST_50 = "SELECT message FROM events WHERE session_id = ? AND message IS NOT NULL ORDER BY seq DESC LIMIT 50"
_NEWEST_50 = "SELECT session FROM sessions WHERE state = 'active' ORDER BY updated_at DESC, id DESC LIMIT 50"
_MATCHES = "SELECT rowid FROM message_text WHERE message_text MATCH ? ORDER BY rank LIMIT 20"


async def long_sessions(bench: Bench) -> list[Row]:
    """Forks, and opening after a restart, of sessions of 10, 1,000 and 10,000 messages."""
    bench = bench.elsewhere("long")
    lengths = (10, 100) if bench.quick else (10, 1000, 10_000)
    ids = {length: await fill(bench, length) for length in lengths}
    return [*await _forking(bench, ids), *await _opening(bench, ids)]


async def _forking(bench: Bench, ids: dict[int, str]) -> list[Row]:
    rows: list[Row] = []
    times = bench.times(50, 5)
    took: dict[int, list[float]] = {length: [] for length in ids}
    grew: dict[int, float] = {}
    base: list[float] = []
    async with Server.sessionls(bench.env, bench.folder) as server:
        for session_id in ids.values():
            await server.request("session/fork", {"sessionId": session_id})
        for length, session_id in ids.items():
            before = _bytes(bench)
            for _ in range(times):
                took[length].append(await server.timed("session/fork", {"sessionId": session_id}))
                base.append(_insert(bench))
            grew[length] = (_bytes(bench) - before) / times
    name = "SQLite alone writes a row of 500 bytes"
    for length in ids:
        rival = 70 if length == 1000 else None
        rows.append(Row(f"fork at {length:,} messages", "ms", took[length], base, name, rival=rival))
    first = statistics.median(took[min(ids)])
    rows.append(Row(f"the same, {max(ids):,} against {min(ids):,} messages", "×", [statistics.median(took[max(ids)]) / first]))
    rows += [
        Row(f"fork at {length:,} messages, database grows by", "KB", [grew[length] / 1000], rival=_rival(length, 23))
        for length in ids
    ]
    return rows


async def _opening(bench: Bench, ids: dict[int, str]) -> list[Row]:
    took: dict[int, list[float]] = {length: [] for length in ids}
    base: dict[int, list[float]] = {length: [] for length in ids}
    for _ in range(bench.times(10)):
        for length, session_id in ids.items():
            async with Server.sessionls(bench.env, bench.folder) as server:
                await server.request("session/list", {})  # so that it has started
                took[length].append(await server.timed("session/open", {"sessionId": session_id, "limit": 50}))
            base[length].append(reading(bench, _LAST_50, session_id))
    name = "SQLite alone reads 50 rows, just opened"
    return [
        Row(
            f"open (last 50) of {length:,} messages after a restart",
            "ms",
            took[length],
            base[length],
            name,
            rival=_rival(length, 177),
        )
        for length in ids
    ]


async def finding(bench: Bench) -> list[Row]:
    """Lists and searches among 1,000 and 10,000 sessions of two messages each."""
    bench = bench.elsewhere("many")
    rows: list[Row] = []
    before = 0
    for count in (50, 100) if bench.quick else (1000, 10_000):
        await many_sessions(bench, range(before, count))
        rows += await _finding(bench, count)
        before = count
    return rows


async def _finding(bench: Bench, count: int) -> list[Row]:
    rows: list[Row] = []
    rare = f"unique{count - 1}"  # no other word begins with it
    asked = {
        "the first 50 of {} sessions": ("session/list", {}, (_NEWEST_50,), _rival(count, 8)),
        "the first 50 of {} sessions, of all folders": (
            "session/list",
            {"workspaceFolder": "*"},
            (_NEWEST_50,),
            _rival(count, 8),
        ),
        "the ones of {} sessions with a word in their title": ("session/list", {"query": "number 77"}, None, None),
        "search of a word in one of {} sessions": ("session/search", {"query": rare}, (_MATCHES, rare), None),
        "search of a word in all {} sessions": ("session/search", {"query": "parser"}, (_MATCHES, "parser"), None),
    }
    async with Server.sessionls(bench.env, bench.folder) as server:
        for what, (method, params, statement, rival) in asked.items():
            await server.request(method, params)
            ours: list[float] = []
            base: list[float] = []
            for _ in range(bench.times(50, 5)):
                ours.append(await server.timed(method, params))
                if statement is not None:
                    base.append(reading(bench, *statement))
            name = "SQLite alone, just opened" if base else ""
            rows.append(Row(what.format(f"{count:,}"), "ms", ours, base, name, rival=rival))
    return rows


def _rival(length: int, value: float) -> float | None:
    """The rivals' value, which was measured at 1,000 messages and at 1,000 sessions. None at other sizes."""
    return value if length == 1000 else None


def _bytes(bench: Bench) -> int:
    """The size of the database, including the write-ahead log."""
    with bench.sql() as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def _insert(bench: Bench) -> float:
    path = bench.home / "alone.db"
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS bench (data TEXT)")
        return _timed(lambda: connection.execute(_ROW, ("x" * 500,)))
    finally:
        connection.close()


def reading(bench: Bench, statement: str, *values: str) -> float:
    def read() -> None:
        with bench.sql() as connection:
            connection.execute(statement, values).fetchall()

    return _timed(read)


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000
