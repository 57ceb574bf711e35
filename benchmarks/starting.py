"""The time from process start to the first session, and the server's memory."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import psutil

from bench import Bench
from lsp import Server
from table import Row, milliseconds_since

__all__ = ["memory", "starting"]

_EMPTY = [sys.executable, "-c", "pass"]
_BARE_REPLY = [sys.executable, str(Path(__file__).with_name("bare_reply.py"))]


async def starting(bench: Bench) -> list[Row]:
    """All times are from the start of the process. The database exists already, as it does on every day but the first."""
    python: list[float] = []
    bare: list[float] = []
    initialized: list[float] = []
    created: list[float] = []
    bare_work: list[float] = []
    work: list[float] = []
    for n in range(bench.times(15, 1) + 1):  # the first is not measured: it reads and compiles files
        empty = await _timed_python(bench)
        began = time.perf_counter()
        async with Server.bare(bench.env, bench.folder) as nothing:
            bare_ready = milliseconds_since(began)
            bare_worked = _processor_time(nothing.pid)
        began = time.perf_counter()
        async with Server.sessionls(bench.env, bench.folder) as server:
            ready = milliseconds_since(began)
            await server.request("session/create", {"title": f"Session {n}"})
            first = milliseconds_since(began)
            worked = _processor_time(server.pid)
        if n:
            values = (empty, bare_ready, ready, first, bare_worked, worked)
            for kept, value in zip((python, bare, initialized, created, bare_work, work), values, strict=True):
                kept.append(value)
    return [
        Row("process start to `initialize` answered", "ms", initialized, bare, "the same for a bare pygls server"),
        Row("process start to first `session/create` answered", "ms", created, python, "`python -c pass`", rival=105, aim=550),
        Row("processor time until then", "ms", work, bare_work, "a bare pygls server, until `initialize` is answered"),
        *await _creating(bench),
        *await _first_reply(bench),
    ]


async def _creating(bench: Bench) -> list[Row]:
    ours: list[float] = []
    bare: list[float] = []
    async with Server.sessionls(bench.env, bench.folder) as server, Server.bare(bench.env, bench.folder) as nothing:
        await _warm(server)
        for n in range(bench.times(200, 10)):
            ours.append(await server.timed("session/create", {"title": f"Another session {n}"}))
            bare.append(await nothing.timed("bench/nothing", {}))
    return [Row("`session/create`", "ms", ours, bare, "a request that does nothing, bare pygls server", rival=2.3)]


async def _first_reply(bench: Bench) -> list[Row]:
    """Includes everything that is loaded on the way."""
    ours: list[float] = []
    work: list[float] = []
    bare: list[float] = []
    bare_work: list[float] = []
    pipe = asyncio.subprocess.PIPE
    for _ in range(bench.times(10, 1)):
        began = time.perf_counter()
        script = await asyncio.create_subprocess_exec(*_BARE_REPLY, bench.model, stdin=pipe, stdout=pipe, env=bench.env)
        assert script.stdin is not None and script.stdout is not None
        await script.stdout.readline()
        bare.append(milliseconds_since(began))
        bare_work.append(_processor_time(script.pid))
        script.stdin.close()
        await script.wait()
        began = time.perf_counter()
        async with Server.sessionls(bench.env, bench.folder) as server:
            session = await server.request("session/create", {})
            await server.request("session/message", {"sessionId": session["id"], "text": "bench:reply 1"})
            ours.append(milliseconds_since(began))
            work.append(_processor_time(server.pid))
    name = "a script with httpx that asks the same"
    return [
        Row("process start to the end of the first reply", "ms", ours, bare, name, rival=259, aim=1000),
        Row("processor time until then, of the first reply", "ms", work, bare_work, name, aim=1000),
    ]


async def memory(bench: Bench) -> list[Row]:
    """The resident memory of the whole process."""
    bare: list[float] = []
    idle: list[float] = []
    replied: list[float] = []
    hundred: list[float] = []
    for _ in range(bench.times(5, 1)):
        async with Server.bare(bench.env, bench.folder) as nothing:
            await nothing.request("bench/nothing", {})
            bare.append(_resident(nothing.pid))
        async with Server.sessionls(bench.env, bench.folder) as server:
            await server.request("session/list", {})
            await asyncio.sleep(0.5)
            idle.append(_resident(server.pid))
            await _warm(server)
            replied.append(_resident(server.pid))
            for _ in range(4 if bench.quick else 99):
                await _warm(server)
            hundred.append(_resident(server.pid))
    name = "a bare pygls server"
    return [
        Row("resident memory, idle", "MiB", idle, bare, name, rival=118),
        Row("resident memory after a reply", "MiB", replied, bare, name, rival=143, aim=110),
        Row("resident memory after 100 replies", "MiB", hundred, bare, name, rival=193, aim=120),
    ]


async def _warm(server: Server) -> None:
    session = await server.request("session/create", {})
    await server.request("session/message", {"sessionId": session["id"], "text": "bench:reply 1"})


async def _timed_python(bench: Bench) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*_EMPTY, env=bench.env, cwd=bench.folder)
    await process.wait()
    return milliseconds_since(began)


def _processor_time(pid: int) -> float:
    """In milliseconds. More telling than elapsed time on a machine that other programs use too."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system) * 1000


def _resident(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / (1 << 20)
