"""The measurements measure: the smallest of them, end to end, so that the scripts do not rot."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

_RUN = Path(__file__).parent.parent / "benchmarks" / "run.py"


async def test_a_quick_run_measures_a_reply_against_its_baseline_and_writes_nothing(tmp_path: Path) -> None:
    doc = _RUN.parent.parent / "docs" / "benchmarks.md"
    before = await asyncio.to_thread(_content, doc)
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, str(_RUN), "--quick", "--only", "replying"],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path), "TMP": str(tmp_path), "TEMP": str(tmp_path)},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.decode().splitlines() if line.startswith("|")]
    assert {"message to the first delta", "message to the whole reply", "relay latency, a chunk every 10 ms"} <= {
        row[0] for row in rows
    }
    assert all(" ms" in row[1] and "httpx" in row[2] for row in rows[2:])
    assert await asyncio.to_thread(_content, doc) == before


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
