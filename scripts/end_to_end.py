"""Runs the VS Code extension's end-to-end tests, which share one VS Code, and reports their times and flaky files."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from children import child
from lanes import note

__all__ = ["run_end_to_end"]

# Milliseconds: installing a server from PyPI takes minutes. A test file in a process of the test runner's would be killed
# without a chance to stop its VS Code.
TEST = ("--test", "--test-isolation=none", "--test-timeout=900000")
SHARED = "SESSIONLS_E2E_SHARED"
# The files that share one VS Code contain this.
SHARES = "shared: true"


class _SharedEditor:
    """The VS Code that the test files share (test/e2e/shared.mjs): started when it is first needed."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._command, self._cwd, self._env = command, cwd, env
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    def address(self) -> str:
        """The address for test files; empty if it did not start: then each file starts its own."""
        if self._process is None or self._process.poll() is not None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                self._command, cwd=self._cwd, env=self._env, stdin=pipe, stdout=pipe, encoding="utf-8"
            )
            assert self._process.stdout is not None
            self._address = self._process.stdout.readline().strip()
        return self._address

    def stop(self) -> None:
        if self._process is not None:
            try:
                self._process.communicate(timeout=60)  # it stops when its input ends
            except subprocess.TimeoutExpired:
                self._process.terminate()  # it kills its VS Code and its browser
                self._process.wait()
            self._process = None


def run_end_to_end(node: str, files: Sequence[str], cwd: Path, env: Mapping[str, str]) -> int:
    """Run these test files, one after the other: first those that share one VS Code. Returns 0 if all passed, 1 if any failed.

    After a file that failed, the next one gets a new VS Code. A file that failed runs once more at the end, in its own VS
    Code, because a real editor can be slow on a busy machine. If it passes then, it is reported as flaky, with its first failure.
    A single file does not share.
    """
    seconds: dict[str, float] = {}
    failures: dict[str, str] = {}
    shared = _SharedEditor([node, str(Path(files[0]).parent / "shared.mjs")], cwd, env)
    sharing = [file for file in files if len(files) > 1 and SHARES in Path(file).read_text(encoding="utf-8")]
    try:
        for file in [*sharing, *(file for file in files if file not in sharing)]:
            started = time.monotonic()
            if file in sharing:
                address = shared.address()
            else:
                shared.stop()
                address = ""
            code, output = _run([node, *TEST, file], cwd, {**env, **({SHARED: address} if address else {})})
            seconds[Path(file).name] = time.monotonic() - started
            if code:
                failures[file] = output
                shared.stop()
    finally:
        shared.stop()
    if failures:
        print(f"Once more: {', '.join(Path(file).name for file in failures)}", flush=True)
    failed = [file for file in failures if _run([node, *TEST, file], cwd, env)[0]]
    print("\nSeconds for each end-to-end file, slowest first:")
    for name, took in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{took:6.1f}  {name}")
    print(f"{len(files) - len(failed)} passed, {len(failed)} failed", flush=True)
    for file, output in failures.items():
        verdict = "failed twice" if file in failed else "is flaky: it passed only at its second run"
        note(f"{Path(file).name} {verdict}. Its first failure:\n{_failure(output)}")
    if failed:
        print("Screenshots of the failures are in tests/screenshots/vscode.", flush=True)
    return 1 if failed else 0


def _run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a test file, print its output, and return its exit code and output."""
    lines: list[str] = []
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
    with child(command, cwd=cwd, env=env, **pipes) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def _failure(output: str) -> str:
    """The part of a test file's output that says what failed, in at most 25 lines of at most 300 characters."""
    summary = output.partition("failing tests:")[2] or output
    lines = [line for line in summary.splitlines() if line.strip()]
    return "\n".join(f"    {line[:300]}" for line in lines[:25])
