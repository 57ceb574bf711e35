"""Whether Neovim stays responsive while a reply streams in: the longest time for which its main loop is blocked."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from bench import Bench
from filling import fill
from table import Row

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.append(str(_TESTS))

from neovim import PLUGIN, binary  # noqa: E402
from terminal_screen import TerminalScreen  # noqa: E402

__all__ = ["neovim"]

_SCRIPT = Path(__file__).with_name("neovim_screen.lua")
_LENGTH = 1000  # messages
_GAP = 5  # milliseconds between two words: 200 of them a second


async def neovim(bench: Bench) -> list[Row]:
    """Each round starts a new Neovim; the baseline is the same Neovim while idle."""
    if os.name == "nt":
        return []  # Windows has no such pseudo-terminals
    bench = bench.elsewhere("neovim")
    length = 100 if bench.quick else _LENGTH
    session_id = await fill(bench, length)
    rounds = [await _round(bench, session_id, number) for number in range(bench.times(5, 1))]

    def column(name: str) -> list[float]:
        return [one[name] for one in rounds]

    idle = "an idle Neovim"
    words = f"longest block of the main loop while words come every {_GAP} ms"
    return [
        Row("start of the plugin with Neovim", "ms", column("plugin"), aim=1),
        Row(f"first paint of a session of {length:,} messages", "ms", column("paint"), aim=100),
        Row(f"{words}, {length:,} messages", "ms", column("stop"), column("idle"), idle, aim=30),
        Row(f"{words}, all {length:,} loaded", "ms", column("stop_loaded"), column("idle"), idle, aim=30),
    ]


async def _round(bench: Bench, session_id: str, number: int) -> dict[str, Any]:
    result = bench.home / f"neovim-{number}.json"
    env = {
        **bench.env,
        "BENCH_SERVER": json.dumps([sys.executable, "-m", "sessionls", "serve"]),
        "BENCH_PLUGIN": str(PLUGIN),
        "BENCH_SESSION": session_id,
        "BENCH_RESULT": str(result),
        "BENCH_ORDER": f"bench:clock {20 if bench.quick else 600} {_GAP}",
    }
    command = [binary(), "--clean", "--cmd", f"luafile {_SCRIPT}", "read.py"]
    screen = TerminalScreen(command, cwd=bench.folder, env=env, columns=160, lines=50)
    try:
        await asyncio.to_thread(screen.process.wait, 180)
    finally:
        if screen.process.poll() is None:
            screen.process.kill()
        await asyncio.to_thread(screen.close)
    measured: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return measured
