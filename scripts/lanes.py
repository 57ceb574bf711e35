"""Runs several commands in parallel: each line of output begins with the command's name, and a summary follows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from children import Terminated

__all__ = ["note", "run_lanes"]

# The file for notes that the summary repeats, such as a test that passed only at its second run.
_NOTES = "SESSIONLS_LANE_NOTES"
_LAST_LINES = 30  # of a lane that failed, repeated in the summary: among them the names of the tests that failed


def note(text: str) -> None:
    """Add this to the summary; print it now if there will be no summary."""
    path = os.environ.get(_NOTES)
    if path is None:
        print(text, flush=True)
        return
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")


@dataclass
class _Lane:
    name: str
    process: subprocess.Popen[bytes]
    started: float
    seconds: float = 0.0
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    def read(self, width: int, lock: threading.Lock) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self.last_lines.append(line)
            with lock:
                print(f"{self.name:<{width}} | {line}", flush=True)
        self.process.wait()
        self.seconds = time.monotonic() - self.started


def run_lanes(commands: Mapping[str, Sequence[str]], cwd: Path) -> int:
    """Run all commands at the same time, until each ends. Returns 0 if all succeeded, 1 if any failed, 130 after Ctrl+C."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        env = {**os.environ, _NOTES: str(notes), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        lanes = [
            _Lane(name, subprocess.Popen(list(command), cwd=cwd, env=env, **pipes), time.monotonic())  # type: ignore[call-overload]
            for name, command in commands.items()
        ]
        lock, width = threading.Lock(), max(map(len, commands))
        readers = [threading.Thread(target=lane.read, args=(width, lock)) for lane in lanes]
        for reader in readers:
            reader.start()
        try:
            for reader in readers:
                reader.join()
        except KeyboardInterrupt as interrupt:
            # The terminal sent Ctrl+C to the lanes, too, but nobody sent them SIGTERM. Wait until they have cleaned up.
            if isinstance(interrupt, Terminated):
                for lane in lanes:
                    lane.process.terminate()
            for reader in readers:
                reader.join()
            return 130
        if notes.is_file():
            print("\n" + notes.read_text(encoding="utf-8").rstrip(), flush=True)
    print()
    for lane in lanes:
        if lane.process.returncode:
            print(f"The last lines of {lane.name}:", *lane.last_lines, "", sep="\n", flush=True)
    for lane in lanes:
        print(f"{'ok    ' if lane.process.returncode == 0 else 'FAILED'} {lane.name:<{width}}  {lane.seconds:5.0f} s", flush=True)
    failed = [lane.name for lane in lanes if lane.process.returncode]
    if failed:
        print(
            f"\nFailed: {', '.join(failed)}. The lines above that begin with this name are its whole output.",
            file=sys.stderr,
            flush=True,
        )
    return 1 if failed else 0
