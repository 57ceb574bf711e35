"""`sessionls` in a separate folder, for tests of its commands."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model_server import ModelServer
from sessionls.cli.commands import run

__all__ = ["SESSION", "Cli", "Done", "bare", "cli", "folder", "obeying_ctrl_c"]


SESSION = re.compile(r"session ([0-9a-f]{8})")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def session(self) -> str:
        """The short id on stderr."""
        match = SESSION.search(self.err)
        assert match, self.err
        return match[1]

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Cli:
    """`sessionls` in a separate folder: as a process (`start`), or in this process, which saves the imports."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def elsewhere(self, folder: Path) -> Cli:
        return Cli(folder, self._monkeypatch, self._capsys)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        with obeying_ctrl_c():
            return subprocess.Popen(
                [sys.executable, "-m", "sessionls", *words],
                cwd=self.folder,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=os.name == "posix",
            )

    def __call__(self, *words: str, code: int = 0, given: str = "", **variables: str) -> Done:
        """Run it, and expect that exit code. No error may be shown as a traceback."""
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "stdin", io.StringIO(given))
            for name, value in {"COLUMNS": "100", **variables}.items():
                patch.setenv(name, value)
            self._capsys.readouterr()
            with pytest.raises(SystemExit) as end:
                run(words)
        out, err = self._capsys.readouterr()
        assert end.value.code == code, f"{words} ended with {end.value.code}\n{out}\n{err}"
        assert "Traceback" not in err
        return Done(code, out, err)

    def session(self, name: str) -> Any:
        return self("show", name, "--json").data["session"]


@contextmanager
def obeying_ctrl_c() -> Iterator[None]:
    """Let processes that are started meanwhile react to Ctrl+C, even if the tests run in the background of a shell script,
    in which processes and their children ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace folder with one file."""
    path = tmp_path / "workspace"
    path.mkdir()
    (path / "shop.py").write_text("def total(prices):\n    return sum(prices)\n\n\nTAX = 0.19\n", encoding="utf-8")
    return path


@pytest.fixture
def cli(bare: Cli, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The program with an available model."""
    monkeypatch.setenv("OPENAI_API_BASE", model_server.openai)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hush-hush")
    monkeypatch.setenv("SESSIONLS_MODEL", "openai/test")
    return bare


@pytest.fixture
def bare(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The program on a machine without an available model."""
    monkeypatch.setenv("SESSIONLS_EMBEDDED", "false")
    return Cli(folder, monkeypatch, capsys)
