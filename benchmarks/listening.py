"""The least that watching needs in PostgreSQL: `python benchmarks/listening.py URL COUNT`, the baseline of `watching.py`.

Each watcher is a thread with a bare connection of psycopg, which listens and reads the new rows after each notification. Prints
how old, in milliseconds, each word was when a watcher had read it, once stdin ends.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time

import psycopg

__all__ = ["SAVE", "TABLE", "write"]

TABLE = "CREATE TABLE IF NOT EXISTS words (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, words TEXT NOT NULL)"
SAVE = 0.016  # seconds between two saves, as in the store


def write(url: str, words: int) -> None:
    """Write a word every 10 ms: the moment at which it is written."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        unsaved: list[str] = []
        saved_at = 0.0
        for _ in range(words):
            unsaved.append(str(time.monotonic_ns()))
            time.sleep(0.01)
            if time.monotonic() >= saved_at + SAVE:
                saved_at = time.monotonic()
                connection.execute(
                    "WITH saved AS (INSERT INTO words (words) VALUES (%s)) SELECT pg_notify('words', '')", (" ".join(unsaved),)
                )
                unsaved = []


def _watch(url: str, late: list[float], ready: threading.Semaphore, stop: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("LISTEN words")
        last = 0
        ready.release()
        while True:
            readable, _, _ = select.select([connection.fileno(), stop], [], [])
            if stop in readable:
                return
            connection.pgconn.consume_input()
            while connection.pgconn.notifies() is not None:
                pass
            for n, words in connection.execute("SELECT n, words FROM words WHERE n > %s ORDER BY n", (last,)):
                now, last = time.monotonic_ns(), n
                late.extend((now - int(word)) / 1e6 for word in words.split())


def main(url: str, count: int) -> None:
    late: list[float] = []
    ready = threading.Semaphore(0)
    stop, stopping = os.pipe()
    threads = [threading.Thread(target=_watch, args=(url, late, ready, stop)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in threads:
        ready.acquire()
    print("ready", flush=True)
    sys.stdin.read()
    time.sleep(0.3)
    os.close(stopping)  # readable for all of them
    for thread in threads:
        thread.join()
    print(json.dumps(late), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
