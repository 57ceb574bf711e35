"""How a session's length affects what a person waits for: the first words of a reply, and a step with a tool."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import httpx

from bench import Bench
from filling import WORDS, fill
from lsp import Server
from replying import one_reply
from stepping import took
from table import Row

__all__ = ["growing"]

_READ = "bench:read read.py"


async def growing(bench: Bench) -> list[Row]:
    """The lengths take turns in the same run, so that other load on the machine affects all of them."""
    bench = bench.elsewhere("growing")
    lengths = (10, 100) if bench.quick else (10, 1000, 10_000)
    first: dict[int, list[float]] = {length: [] for length in lengths}
    step: dict[int, list[float]] = {length: [] for length in lengths}
    base: dict[int, list[float]] = {length: [] for length in lengths}
    ids = {length: await fill(bench, length) for length in lengths}
    async with Server.sessionls(bench.env, bench.folder) as server, httpx.AsyncClient(trust_env=False) as http:
        for session_id in ids.values():
            await server.request("session/open", {"sessionId": session_id, "limit": 1})
            await one_reply(server, session_id, "bench:reply 1")  # opens connections and reads the conversation once
        for _ in range(bench.times(20, 2)):
            for length, session_id in ids.items():
                first[length].append((await one_reply(server, session_id, "bench:reply 1")).first)
                step[length].append(await _step(server, session_id, bench.folder))
                base[length].append(await _bare(http, bench.model, length))
    rows: list[Row] = []
    for what, times, baseline in (("message to the first delta", first, base), ("a step with `read_file`", step, None)):
        for length in lengths:
            name = "httpx sends as much and reads the first chunk" if baseline else ""
            rows.append(Row(f"{what}, at {length:,} messages", "ms", times[length], baseline[length] if baseline else (), name))
        ratio = statistics.median(times[max(lengths)]) / statistics.median(times[min(lengths)])
        bare = statistics.median(base[max(lengths)]) / statistics.median(base[min(lengths)])
        compared = f"{what}, {max(lengths):,} against {min(lengths):,} messages"
        rows.append(Row(compared, "×", [ratio], [bare], "httpx that sends as much", aim=1.5))
    return rows


async def _step(server: Server, session_id: str, folder: Path) -> float:
    texts: list[str] = []

    def heard(method: str, params: Any, _at: int) -> None:
        if method == "session/delta":
            texts.append(params["text"])

    server.heard = heard
    await server.request("session/message", {"sessionId": session_id, "text": _READ})
    return took("".join(texts), folder)


async def _bare(http: httpx.AsyncClient, base: str, length: int) -> float:
    """Milliseconds until a bare client that sends as much text has the first words of the response."""
    pair = [{"role": "user", "content": "Is this right?"}, {"role": "assistant", "content": WORDS}]
    messages = [*pair * (length // 2), {"role": "user", "content": "bench:reply 1"}]
    began = time.perf_counter()
    first = 0.0
    asked = {"model": "bench", "stream": True, "messages": messages}
    async with http.stream("POST", f"{base}/chat/completions", json=asked) as answer:
        async for line in answer.aiter_lines():
            if not first and line.startswith("data: {") and '"content": "word' in line:
                first = (time.perf_counter() - began) * 1000
    return first
