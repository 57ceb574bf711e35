"""Running a program for its output: its limits, and that no process is left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sessionls.program_runner import run_program, stream_program

posix = pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_output_errors_and_exit_code_are_returned(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), sys.stdin.read()); print('wrong', file=sys.stderr); sys.exit(3)"
    outcome = await run_program(python(code), cwd=tmp_path, stdin=b"given", seconds=60, limit=1000)
    assert (outcome.code, outcome.output.decode().split()) == (3, [str(tmp_path), "given"])
    assert outcome.errors.strip() == b"wrong" and outcome.stopped is None


async def test_input_larger_than_a_pipe_reaches_a_program_and_may_be_left_unread() -> None:
    size = 4 << 20
    read = await run_program(python("import sys; print(len(sys.stdin.buffer.read()))"), stdin=b"x" * size, seconds=60, limit=100)
    assert read.output.split() == [str(size).encode()]
    unread = await run_program(python("print('done')"), stdin=b"x" * size, seconds=60, limit=100)
    assert (unread.code, unread.output.split()) == (0, [b"done"])


async def test_a_program_that_writes_too_much_is_stopped_and_its_pipes_are_closed() -> None:
    outcome = await run_program(python("while True: print('x' * 1000)"), seconds=60, limit=10_000)
    assert (outcome.code, outcome.stopped, len(outcome.output)) == (None, "output", 10_000)
    gc.collect()  # an unclosed transport warns now, and warnings fail tests
    errors = await run_program(python("import sys; sys.stderr.write('x' * 100_000 + 'last')"), seconds=60, limit=10)
    assert len(errors.errors) < 10_000 and errors.errors.endswith(b"last")


@posix
async def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
open({str(tmp_path / "child")!r}, 'w').write(str(child.pid))
print('started', flush=True)
time.sleep(600)
"""
    running = asyncio.create_task(run_program(python(code), seconds=600, limit=100))
    child = await asyncio.to_thread(number_in, tmp_path / "child")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(wait_for_end, child)
    outcome = await run_program(python("import time; time.sleep(600)"), seconds=0.1, limit=100)
    assert (outcome.code, outcome.stopped) == (None, "time")


@posix
async def test_the_end_of_a_program_does_not_wait_for_its_background_processes() -> None:
    code = "import subprocess, sys; print('done', subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    outcome = await run_program(python(code), seconds=300, limit=100)
    done, pid = outcome.output.split()
    os.kill(int(pid), 9)
    assert (outcome.code, done, outcome.stopped) == (0, b"done", None)


async def test_output_is_streamed_and_closing_stops_the_program() -> None:
    code = "import sys, time\nfor word in ('one', 'two'): print(word, flush=True); sys.stdin.read()\ntime.sleep(600)"
    output = stream_program(python(code), stdin=b"")
    async with contextlib.aclosing(output):
        text = b""
        async for piece in output:
            text += piece
            if text.split() == [b"one", b"two"]:
                break
    gc.collect()


async def test_a_failure_of_a_streamed_program_is_raised_after_its_output() -> None:
    pieces = []

    async def read() -> None:
        async for piece in stream_program(python("print('first'); raise SystemExit(4)")):
            pieces.append(piece)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(subprocess.CalledProcessError) as failed:
        await read()
    assert (b"".join(pieces).split(), failed.value.returncode) == ([b"first"], 4)


async def test_a_program_that_cannot_start_raises() -> None:
    with pytest.raises(OSError):  # which one depends on the system
        await run_program(["/nowhere/program"], seconds=1, limit=1)
    with pytest.raises(ValueError, match="null"):
        await run_program(["a\0b"], seconds=1, limit=1)


def number_in(path: Path) -> int:
    """Wait for the number that a program writes to that file."""
    while not path.exists() or not (text := path.read_text()):
        time.sleep(0.05)
    return int(text)


def wait_for_end(pid: int) -> None:
    """Wait until the process is gone. (A killed process is listed until its parent collects it.)"""
    while True:
        try:
            os.kill(pid, 0)
            if sys.platform == "linux" and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        time.sleep(0.05)


async def test_a_run_that_is_cancelled_twice_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    unclosed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda problem: unclosed.append(problem.exc_value))
    running = asyncio.create_task(run_program(python("import time; time.sleep(60)"), seconds=60, limit=100))
    await asyncio.sleep(0.5)  # it has started
    running.cancel()
    await asyncio.sleep(0)  # it is killed and awaited
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    del running
    await asyncio.sleep(0.2)
    gc.collect()
    assert not unclosed
