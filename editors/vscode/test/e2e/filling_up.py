"""Fills the database of a test: `filling_up.py DATA_DIR FOLDER COUNT messages|sessions`.

One session of COUNT messages, or COUNT sessions of one exchange each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "benchmarks"))

from bench import Bench
from filling import fill, many_sessions


async def main(data: str, folder: str, count: str, kind: str) -> None:
    bench = Bench(Path(data), Path(folder), {"SESSIONLS_DATA_DIR": data}, model="", quick=True)
    if kind == "messages":
        await fill(bench, int(count))
    else:
        await many_sessions(bench, range(int(count)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
