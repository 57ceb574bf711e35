"""Puts a session of so many messages into the database of a test: `fill_session.py DATA_DIR FOLDER COUNT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "benchmarks"))

from bench import Bench
from filling import fill


def main(data: str, folder: str, count: str) -> None:
    where = Bench(Path(data), Path(folder), {"SESSIONLS_DATA_DIR": data}, model="", quick=True)
    asyncio.run(fill(where, int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
