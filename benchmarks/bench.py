"""What all measurements share: a temporary home and workspace, the model server, and how often to measure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["Bench", "bench"]

# Variables from which a provider's library or git could read the settings of the person who runs the benchmarks.
_OWN = ("SESSIONLS_", "GIT_", "OPENAI_", "ANTHROPIC_", "XDG_", "LITELLM_")
_KEYS = ("_API_KEY", "_API_BASE", "_BASE_URL", "_API_TOKEN")


@dataclass(frozen=True)
class Bench:
    """`folder` is a git repository, opened as the workspace; `model` is the address of the model server. `messages`: the
    number of messages in which a common word is searched.
    """

    home: Path
    folder: Path
    env: dict[str, str]
    model: str
    quick: bool
    messages: int = 1_000_000

    def times(self, full: int, quick: int = 2) -> int:
        return quick if self.quick else full

    @property
    def database(self) -> Path:
        return Path(self.env["SESSIONLS_DATA_DIR"]) / "sessions.db"

    def elsewhere(self, name: str) -> Bench:
        """The same with another database."""
        return replace(self, env={**self.env, "SESSIONLS_DATA_DIR": str(self.home / name)})

    @contextlib.contextmanager
    def sql(self) -> Iterator[sqlite3.Connection]:
        """A direct connection to the database, for the baselines."""
        connection = sqlite3.connect(self.database, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()


@contextlib.asynccontextmanager
async def bench(home: Path, *, quick: bool, messages: int) -> AsyncIterator[Bench]:
    folder = await asyncio.to_thread(_make_workspace, home)
    script = str(Path(__file__).with_name("model.py"))
    pipe = asyncio.subprocess.PIPE
    model = await asyncio.create_subprocess_exec(sys.executable, script, stdin=pipe, stdout=pipe)
    assert model.stdin is not None and model.stdout is not None
    address = (await model.stdout.readline()).decode().strip()
    env = _plain_environment() | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home),
        "LOCALAPPDATA": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "SESSIONLS_DATA_DIR": str(home / "data"),
        "SESSIONLS_MODEL": "openai/bench",
        "OPENAI_API_KEY": "not-a-key",
        "OPENAI_API_BASE": address,
        "OLLAMA_API_BASE": "http://127.0.0.1:9",
    }
    try:
        yield Bench(home, folder, env, address, quick, messages)
    finally:
        model.stdin.close()
        await model.wait()


def _plain_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN) and not name.endswith(_KEYS)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # the modules of an installed program are compiled
    return kept


def _make_workspace(home: Path) -> Path:
    folder = home.resolve() / "workspace"
    folder.mkdir()
    (folder / "read.py").write_text("def read(lines):\n    return [line.strip() for line in lines[:-1]]\n", encoding="utf-8")
    env = _plain_environment() | {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder.parent)}
    who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "A first commit"]):
        subprocess.run(["git", *words], cwd=folder, env=env, check=True)
    return folder
