"""What is imported until the first session, and which packages take longest, as measured by Python (`-X importtime`)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

from bench import Bench
from lsp import Server
from table import Row

__all__ = ["importing"]

_LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*([\w.]+)")  # the module's own microseconds, cumulative ones, and its name
_LARGEST = 5


async def importing(bench: Bench) -> list[Row]:
    """Each package with all its modules, without its imports of other packages."""
    ours: list[Counter[str]] = []
    bare: list[float] = []
    account = bench.home / "imports.txt"
    for _ in range(bench.times(5, 1)):
        async with Server.bare(bench.env, bench.folder, "-X", "importtime", stderr=account):
            pass
        bare.append((await asyncio.to_thread(_by_package, account)).total() / 1000)
        async with Server.sessionls(bench.env, bench.folder, "-X", "importtime", stderr=account) as server:
            await server.request("session/create", {})
        ours.append(await asyncio.to_thread(_by_package, account))
    everything = [counted.total() / 1000 for counted in ours]
    largest = sum(ours, Counter[str]()).most_common(_LARGEST)
    return [
        Row("imports until the first session", "ms", everything, bare, "a bare pygls server, until it is stopped"),
        *[Row(f"of these: {name}", "ms", [counted[name] / 1000 for counted in ours]) for name, _ in largest],
    ]


def _by_package(account: Path) -> Counter[str]:
    """Microseconds for each package. Empties the file."""
    found: Counter[str] = Counter()
    for line in account.read_text(encoding="utf-8", errors="replace").splitlines():
        if (match := _LINE.match(line)) is not None:
            found[match[2].partition(".")[0]] += int(match[1])
    account.unlink()
    return found
