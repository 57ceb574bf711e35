"""Programs that a script runs, and that end with it: after Ctrl+C, and when the script is terminated (SIGTERM)."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["Terminated", "child", "raise_when_terminated", "run_child"]

_LONGEST_CLEANUP = 60  # seconds


class Terminated(KeyboardInterrupt):
    """This process got SIGTERM. Its children did not, whereas a terminal sends Ctrl+C to all of them."""


def raise_when_terminated() -> None:
    """From now on SIGTERM raises `Terminated`, so that `finally` blocks run, as they do after Ctrl+C."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, handle)


@contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A program that ends with this block: if the block is interrupted, wait until the program has cleaned up."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt, Terminated):
                process.terminate()
            try:
                process.wait(_LONGEST_CLEANUP)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):  # it hangs, or the person is impatient
                process.kill()
            raise


def run_child(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run a program and return its exit code; 130 if this process was interrupted."""
    try:
        with child(command, cwd=cwd, env=env) as process:
            return process.wait()
    except KeyboardInterrupt:
        return 130
