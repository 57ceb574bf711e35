"""Many participants work in shared sessions while processes are killed: `make soak ARGS=600`, or `python benchmarks/soak.py`.

Runs for so many seconds on each engine (600), and prints what was accepted, finished, lost, doubled, and seen or done without a
right. On PostgreSQL the server is restarted as well, as after a crash. Fails if anything is lost, doubled or seen by others.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from crowd import Crowd
from logins import TeamDatabase
from model_server import ModelServer
from postgres_server import PostgresServer

_PEOPLE = ("ann", "bob", "carl", "dora", "emil", "fay", "gus", "hana")


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak.py", description="Work in shared sessions while processes are killed.")
    parser.add_argument("seconds", nargs="?", type=float, default=600, help="how long, on each engine (600)")
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both", help="where the sessions are (both)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier run")
    chosen = parser.parse_args()
    seed = random.randrange(1 << 30) if chosen.seed is None else chosen.seed
    engines = ["sqlite", "postgres"] if chosen.engine == "both" else [chosen.engine]
    return max(asyncio.run(_soak(engine, chosen.seconds, seed)) for engine in engines)


async def _soak(engine: str, seconds: float, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="sessionls-soak-") as home:
        folder = Path(home) / "work"
        folder.mkdir()
        os.environ |= {"HOME": home, "SESSIONLS_DATA_DIR": str(Path(home) / "data"), "GIT_CONFIG_NOSYSTEM": "1"}
        model = ModelServer()
        model.start()
        database = None
        if engine == "postgres":
            database = await asyncio.to_thread(TeamDatabase.make, folder, *_PEOPLE)
        crowd = Crowd(folder, model, _PEOPLE, 4, database=database, seed=seed)

        async def restart() -> None:
            server = PostgresServer.shared()
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            crowd.counts.restarts += 1

        disturb = [crowd.kill, crowd.suspend, crowd.kill]
        if engine == "postgres":
            disturb.append(restart)
        try:
            began = time.monotonic()
            await crowd.start()
            await crowd.run(seconds, disturb=disturb, every=min(5.0, seconds / 8))
            await crowd.settle(120)
            counts = await crowd.check()
            print(f"{engine}: {time.monotonic() - began:.0f} seconds, {len(_PEOPLE)} participants in 4 processes, seed {seed}")
            print(counts)
            print("\n".join(counts.faults))
        finally:
            await crowd.close()
            model.stop()
            await asyncio.to_thread(PostgresServer.stop_shared)
        return 1 if counts.faults else 0


if __name__ == "__main__":
    sys.exit(main())
