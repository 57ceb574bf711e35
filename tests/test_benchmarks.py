"""The benchmarks run: the smallest of them, end to end, so that the scripts keep working."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

_RUN = Path(__file__).parent.parent / "benchmarks" / "run.py"


async def run(folder: Path | None, *groups: str) -> list[list[str]]:
    """The cells of the rows that a quick run of these groups prints. It must not write files, except for temporary ones."""
    doc = _RUN.parent.parent / "docs" / "benchmarks.md"
    before = await asyncio.to_thread(_content, doc)
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, str(_RUN), "--quick", "--only", *groups],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ if folder is None else {**os.environ, "TMPDIR": str(folder), "TMP": str(folder), "TEMP": str(folder)},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert await asyncio.to_thread(_content, doc) == before
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.decode().splitlines() if line.startswith("|")]
    return [row for row in rows if row[0] != "measured" and not row[0].startswith("-")]


async def test_a_quick_run_measures_a_reply_against_its_baseline_and_writes_nothing(tmp_path: Path) -> None:
    rows = await run(tmp_path, "replying")
    assert {"message to the first delta", "message to the whole reply", "relay latency, a chunk every 10 ms"} <= {
        row[0] for row in rows
    }
    assert all(" ms" in row[1] and "httpx" in row[2] for row in rows)


async def test_a_quick_run_says_what_is_imported_and_what_a_message_takes_of_the_database(tmp_path: Path) -> None:
    imports, *largest, message = await run(tmp_path, "importing", "sizing")
    assert "bare pygls server" in imports[2]
    assert len(largest) == 5 and all(row[0].startswith("of these: ") for row in largest)
    assert " bytes" in message[1] and "texts alone" in message[2]


async def test_a_quick_run_measures_a_large_database_against_a_small_one() -> None:
    rows = await run(None, "team")
    for what in ("the first 50 sessions", "open", "a word of one session", "fork"):
        assert any(row[0].startswith(what) and "100 sessions" in row[2] for row in rows), what


async def test_a_quick_run_measures_participants_on_both_databases() -> None:
    rows = await run(None, "together")  # PostgreSQL does not run as root, and only root may enter the test's own folder
    places = {"the process that writes": 2, "processes on SQLite": 2, "connections to PostgreSQL": 3}
    assert {place: sum(place in row[0] for row in rows) for place in places} == places
    assert all("bare psycopg" in row[2] for row in rows if "connections to PostgreSQL" in row[0])
    assert any(row[0].startswith("processor time") for row in rows)
    assert any("replies that are written at once" in row[0] for row in rows)


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no pseudo-terminals")
async def test_a_quick_run_measures_neovim(tmp_path: Path) -> None:
    start, paint, *stops = await run(tmp_path, "neovim")
    assert "plugin" in start[0] and "first paint" in paint[0]
    assert len(stops) == 2 and all("an idle Neovim" in row[2] for row in stops)


def test_a_table_of_others_becomes_a_list_that_begins_with_what_is_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_RUN.parent))
    from run import beside_standing  # type: ignore[import-not-found, unused-ignore]

    table = """
| measured | sessionls | codex | opencode | ours × the best other |
|---|---|---|---|---|
| first reply | **900 ms** | 1,200 ms | 1,000 ms | 0.90 |
| memory | 110 MiB | **50.0 MiB** | 1,024 MiB | 2.20 |
| idle | **0.00 ms** | 0.00 ms | 10.0 ms |  |
"""
    assert beside_standing(table) == [
        (2.2, "- memory: **worse, 2.20 ×** (110 MiB; codex: 50.0 MiB)"),
        (0.9, "- first reply: **better, 1.11 ×** (900 ms; opencode: 1,000 ms)"),
    ]


async def test_a_group_that_fails_is_measured_again_and_the_order_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(_RUN.parent))
    import run as benchmarks  # type: ignore[import-not-found, unused-ignore]
    from table import Row  # type: ignore[import-not-found, unused-ignore]

    homes: list[Path] = []

    async def fails_once(place: Any) -> list[Any]:
        homes.append(place.home)
        if len(homes) == 1:
            raise OSError("The machine is busy.")
        return [Row("one", "ms", [1.0])]

    async def works(_: Any) -> list[Any]:
        return [Row("two", "ms", [2.0])]

    groups = {"one": ("One", fails_once), "two": ("Two", works)}
    measured = await benchmarks._measure(["one", "two"], quick=True, messages=10, groups=groups)
    assert list(measured) == ["one", "two"] and homes[0] != homes[1]
    assert "trying again at the end" in capsys.readouterr().out


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
