"""How many bytes of the database file a message needs in total. Baseline: a table of the same texts."""

from __future__ import annotations

import contextlib
import sqlite3

from bench import Bench
from filling import ASKED, WORDS, fill
from table import Row

__all__ = ["sizing"]


async def sizing(bench: Bench) -> list[Row]:
    """Alternating questions and answers, with events, indexes and full text."""
    bench = bench.elsewhere("sizing")
    count = 1000 if bench.quick else 10_000
    await fill(bench, 2)
    before = _bytes(str(bench.database))
    await fill(bench, count)
    ours = (_bytes(str(bench.database)) - before) / count
    alone = bench.home / "texts.db"
    with contextlib.closing(sqlite3.connect(alone, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE texts (text TEXT)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO texts VALUES (?)", [(text,) for _ in range(count // 2) for text in (ASKED, WORDS)])
        connection.execute("COMMIT")
    bare = _bytes(str(alone)) / count
    what = f"a message of {(len(ASKED) + len(WORDS)) // 2} characters, the middle of {count:,}"
    return [Row(what, "bytes", [ours], [bare], "a table of the texts alone", aim=1500)]


def _bytes(path: str) -> int:
    """The size of the pages in use, including those still in the write-ahead log."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)
