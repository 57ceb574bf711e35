"""Measures sessionls, with a baseline for each measurement in the same run: `make bench`, or `python benchmarks/run.py`.

A whole run takes some minutes, prints a table, and writes docs/benchmarks.md. `--quick` takes less than a minute, measures
little and writes nothing: it only shows that the benchmarks work. `--only` names the groups to measure (see below).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from anchoring import anchoring
from bench import Bench, bench
from growing import growing
from importing import importing
from neovim_screen import neovim
from replying import replying
from scaling import scaling
from sharing import sharing
from sizing import sizing
from starting import memory, starting
from stepping import stepping
from storing import finding, long_sessions
from table import Row, number, table
from teaming import teaming
from together import together

__all__ = ["beside_standing", "main"]

_Group = tuple[str, Callable[[Bench], Awaitable[list[Row]]]]
_GROUPS: dict[str, _Group] = {
    "starting": ("Starting and creating", starting),
    "importing": ("Imports", importing),
    "replying": ("Replies, with a model that answers immediately", replying),
    "stepping": ("Steps with tools", stepping),
    "growing": ("Replies in long sessions", growing),
    "neovim": ("The plugin in a real Neovim, in a terminal", neovim),
    "long": ("Long sessions", long_sessions),
    "finding": ("Many sessions", finding),
    "scaling": ("Very many sessions and messages", scaling),
    "sizing": ("Size of the database", sizing),
    "sharing": ("Several processes on one database", sharing),
    "together": ("Many participants in one session, and many sessions at once", together),
    "anchoring": ("Findings after an edit", anchoring),
    "memory": ("Memory", memory),
    "team": ("A team's database with 5,000,000 events", teaming),
}
_LONG = ("team",)  # takes many minutes and gigabytes: only when it is asked for
_DOC = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_RIVALS = Path(__file__).with_name("rivals.md")
_BESIDE = (
    "Medians of `python benchmarks/rivals.py --write`: the programs are started, asked and stopped in turn, over the Agent "
    "Client Protocol (ours: `sessionls acp`), with the same client and the same model server."
)
_TEAM = Path(__file__).with_name("team.md")
_TEAM_TEXT = (
    "`python benchmarks/run.py --only team` measures this, which takes about ten minutes and 8 GB of disk, and writes "
    "`benchmarks/team.md` for the next `make bench`. One PostgreSQL server has both databases, filled by SQL, with 50 events in "
    "each session. They are asked in turn by the store, in one process, with the login of a member: row-level security hides "
    "seven of eight sessions. Other sessions are opened, searched and forked each time."
)
_HEAD = Path(__file__).with_name("head.md")


def _usual() -> list[str]:
    return [name for name in _GROUPS if name not in _LONG]


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py", description="Measure sessionls, with a baseline for each measurement.")
    parser.add_argument("--quick", action="store_true", help="measure little, in less than a minute, and write nothing")
    parser.add_argument("--only", nargs="+", choices=list(_GROUPS), default=_usual(), metavar="GROUP", help=", ".join(_GROUPS))
    parser.add_argument(
        "--messages", type=int, default=1_000_000, metavar="N", help="search a common word among N messages (1,000,000)"
    )
    chosen = parser.parse_args()
    measured = asyncio.run(_measure(chosen.only, quick=chosen.quick, messages=chosen.messages))
    if missing := [name for name in chosen.only if name not in measured]:
        print(f"\nNot measured: {', '.join(missing)}. Nothing is written.")
        return 1
    if not chosen.quick and "team" in measured:
        _TEAM.write_text(f"{table(measured.pop('team'))}\n\n{_machine(sqlite=False)}\n", encoding="utf-8", newline="\n")
        print(f"\nWritten: {_TEAM.name}")
    if not chosen.quick and set(measured) == set(_usual()):
        _DOC.write_text(_document(measured), encoding="utf-8", newline="\n")
        print(f"\nWritten: {_DOC.name}")
    return 0


async def _measure(
    names: Sequence[str], *, quick: bool, messages: int, groups: Mapping[str, _Group] = _GROUPS
) -> dict[str, list[Row]]:
    """A group that fails is measured again at the end, in a new home: a whole run is long."""
    measured: dict[str, list[Row]] = {}
    for again in (False, True):
        left = [name for name in names if name not in measured]
        # On Windows, a server that has just ended may still keep files open.
        with tempfile.TemporaryDirectory(prefix="sessionls-bench-", ignore_cleanup_errors=True) as home:
            async with bench(Path(home), quick=quick, messages=messages) as place:
                for name in left:
                    title, measure = groups[name]
                    began = time.perf_counter()
                    try:
                        measured[name] = await measure(place)
                    except Exception:  # noqa: BLE001 (the other groups are measured all the same)
                        traceback.print_exc()
                        next_ = "giving up" if again else "trying again at the end"
                        print(f"\n{title}: failed after {time.perf_counter() - began:.0f} s; {next_}", flush=True)
                    else:
                        print(f"\n{title} ({time.perf_counter() - began:.0f} s)\n\n{table(measured[name])}", flush=True)
        if len(measured) == len(set(names)):
            break
    return {name: measured[name] for name in names if name in measured}


# -- the document ----------------------------------------------------------------------------------------------------


def _document(measured: dict[str, list[Row]]) -> str:
    parts = [_HEAD.read_text(encoding="utf-8").strip(), "## Where we stand", _standing(measured)]
    if _RIVALS.exists():
        parts += ["## Next to other programs, in one run", _BESIDE, _RIVALS.read_text(encoding="utf-8").strip()]
    for name, rows in measured.items():
        parts += [f"## {_GROUPS[name][0]}", table(rows)]
    if _TEAM.exists():
        parts += [f"## {_GROUPS['team'][0]}", _TEAM_TEXT, _TEAM.read_text(encoding="utf-8").strip()]
    parts += ["## This run", _machine()]
    return "\n\n".join(parts) + "\n"


def _standing(measured: dict[str, list[Row]]) -> str:
    """The comparisons alone, the worst first."""
    rows = [(row.against, row) for group in measured.values() for row in group if row.against is not None]
    rows.sort(key=lambda one: -one[0])
    missed = [(row.behind, row) for group in measured.values() for row in group if row.behind is not None]
    missed.sort(key=lambda one: -one[0])
    worse = [f"- {row.what}: **{row.standing}** ({row.shown}; to beat: {row.target})" for against, row in rows if against > 1]
    better = [f"- {row.what}: **{row.standing}** ({row.shown}; to beat: {row.target})" for against, row in rows if against <= 1]
    behind = [f"- {row.what}: {number(times)} × our aim ({row.shown}; aim: {row.aims_at})" for times, row in missed]
    beside = beside_standing(_RIVALS.read_text(encoding="utf-8")) if _RIVALS.exists() else []
    sections = {
        "Worse than the best of the others, in one run:": [line for times, line in beside if times > 1],
        "Worse than the best rival, measured before:": worse,
        "Missed aims:": behind,
        "Better than the best of the others, in one run:": [line for times, line in beside if times <= 1],
        "Better than the best rival, measured before:": better,
    }
    if not beside:
        sections = {title: lines for title, lines in sections.items() if "in one run" not in title}
    return "\n\n".join(f"{title}\n\n" + "\n".join(lines or ["- nothing"]) for title, lines in sections.items())


def beside_standing(text: str) -> list[tuple[float, str]]:
    """The rows of the table of rivals.py, worst first: how many times the best other's value ours is, and a line about it."""
    found: list[tuple[float, str]] = []
    head, _, *rows = [[cell.strip(" *") for cell in line.strip().strip("|").split("|")] for line in text.strip().splitlines()]
    for what, ours, *others, ratio in rows:
        if not ratio:
            continue
        times = float(ratio.replace(",", ""))
        values = {name: float(value.split()[0].replace(",", "")) for name, value in zip(head[2:-1], others, strict=True)}
        best = min(values, key=values.__getitem__)
        how = f"worse, {number(times)} ×" if times > 1 else f"better, {number(1 / times)} ×" if times else "better"
        found.append((times, f"- {what}: **{how}** ({ours}; {best}: {others[list(values).index(best)]})"))
    return sorted(found, key=lambda one: -one[0])


def _machine(*, sqlite: bool = True) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    load = f", load average at the end {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    engine = f", SQLite {sqlite3.sqlite_version}" if sqlite else ""
    return (
        f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, {platform.python_implementation()} {version}"
        f"{engine}{load}. A load above the number of cores means that other programs used the machine too."
    )


if __name__ == "__main__":
    sys.exit(main())
