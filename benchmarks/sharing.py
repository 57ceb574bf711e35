"""What processes that share a database cost each other: words of one seen in another, and the work of idle processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import psutil

from bench import Bench
from lsp import Server
from replying import one_reply, slow
from table import Row

__all__ = ["sharing"]

_BYSTANDERS = 11


async def sharing(bench: Bench) -> list[Row]:
    return [*await _words(bench), *await _idle(bench), *await _bystanders(bench)]


async def _words(bench: Bench) -> list[Row]:
    """The model writes the time into each chunk: the age of each word when the other process's client has read it."""
    late: list[float] = []
    here: list[float] = []
    async with Server.sessionls(bench.env, bench.folder) as writer, Server.sessionls(bench.env, bench.folder) as reader:
        session = await writer.request("session/create", {"title": "Seen elsewhere"})
        for server in (writer, reader):
            await server.request("session/open", {"sessionId": session["id"]})
        await one_reply(writer, session["id"], "bench:reply 1")

        def heard(method: str, params: Any, at: int) -> None:
            if method == "session/delta":
                late.extend((at - int(word)) / 1e6 for word in params["text"].split() if word.isdecimal())

        reader.heard = heard
        for _ in range(bench.times(3, 1)):
            here += (await one_reply(writer, session["id"], f"bench:clock {20 if bench.quick else 300} 10")).late
        await asyncio.sleep(0.5)
    return [
        Row(
            "a word seen in another process, a chunk every 10 ms",
            "ms",
            late,
            here,
            "the same, in the process that writes it",
            aim=15,
        ),
        Row(
            "a word seen in another process, the fifth slowest of 100",
            "ms",
            [slow(late)],
            [slow(here)],
            "in the process that writes it",
            aim=40,
        ),
    ]


async def _idle(bench: Bench) -> list[Row]:
    """One idle process with an open session."""
    seconds = 2 if bench.quick else 30
    async with Server.sessionls(bench.env, bench.folder) as server:
        session = await server.request("session/create", {})
        await server.request("session/open", {"sessionId": session["id"]})
        await asyncio.sleep(1 if bench.quick else 10)  # loading in the background has ended
        async with Server.bare(bench.env, bench.folder) as nothing:
            before = _work(server), _work(nothing)
            await asyncio.sleep(seconds)
            ours, bare = _work(server) - before[0], _work(nothing) - before[1]
        what = f"processor time of {seconds} s idle"
        return [Row(what, "ms", [ours], [bare], "a bare pygls server", rival=10, aim=50)]


async def _bystanders(bench: Bench) -> list[Row]:
    """One process writes a reply while others have other sessions open. Baseline: the same process alone."""
    order = f"bench:clock {50 if bench.quick else 500} 10"
    alone: list[float] = []
    together: list[float] = []
    shares: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        writer = await stack.enter_async_context(Server.sessionls(bench.env, bench.folder))
        session = await _opened(writer)
        await one_reply(writer, session, "bench:reply 1")
        others: list[Server] = []
        for _ in range(2 if bench.quick else _BYSTANDERS):
            others.append(await stack.enter_async_context(Server.sessionls(bench.env, bench.folder)))
            await _opened(others[-1])
        await asyncio.sleep(1 if bench.quick else 10)
        for _ in range(bench.times(12, 2)):
            for times, hold in ((alone, True), (together, False)):
                with _suspended(others) if hold else contextlib.nullcontext():
                    await asyncio.sleep(0.5)  # earlier work has ended
                    times += [(await one_reply(writer, session, "bench:reply 1")).first for _ in range(3)]
        before = [_work(other) for other in others]
        reply = await one_reply(writer, session, order)
        shares = [100 * (_work(other) - was) / reply.whole for other, was in zip(others, before, strict=True)]
    count = len(others) + 1
    return [
        Row(
            f"message to the first delta, {count} processes on one database",
            "ms",
            together,
            alone,
            "the others suspended, in turn",
            aim_of_baseline=1.3,
        ),
        Row("an idle process's share of a processor while another process writes", "%", shares, aim=0.3),
    ]


@contextlib.contextmanager
def _suspended(servers: Sequence[Server]) -> Iterator[None]:
    """Suspend these processes. (Windows has no such signal: they keep running.)"""
    _signal(servers, "SIGSTOP")
    try:
        yield
    finally:
        _signal(servers, "SIGCONT")


def _signal(servers: Sequence[Server], name: str) -> None:
    for server in servers if hasattr(signal, name) else ():
        os.kill(server.pid, getattr(signal, name))


async def _opened(server: Server) -> str:
    session = await server.request("session/create", {})
    await server.request("session/open", {"sessionId": session["id"]})
    identity: str = session["id"]
    return identity


def _work(server: Server) -> float:
    """Processor time so far, in milliseconds."""
    times = psutil.Process(server.pid).cpu_times()
    return float(times.user + times.system) * 1000
