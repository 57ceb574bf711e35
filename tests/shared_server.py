"""A server for tests: a workspace, a model provider on loopback, and one editor with its server process."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from in_process_app import write_agent
from model_server import ModelServer
from server_client import SessionClient

__all__ = ["PATIENCE", "OpenEditor", "SharedServer", "environment", "key_for", "lines", "make_workspace", "text_of"]

PATIENCE = 60.0  # seconds; the first message waits for litellm's import, which is slow on a busy machine

OpenEditor = Callable[..., Awaitable[SessionClient]]


@dataclass
class SharedServer:
    client: SessionClient
    models: ModelServer
    folder: Path


def make_workspace(parent: Path) -> Path:
    """A workspace folder with two agents, one of which is invalid."""
    folder = parent / "work"
    folder.mkdir()
    write_agent(folder, "terse", "You are terse.", model="openai/small", temperature=0.1, tools="[read_file]", codeAction="true")
    write_agent(folder, "broken", "You are broken.", temperature="hot")
    return folder


def environment(home: Path) -> dict[str, str]:
    """A separate home for the server, without keys, settings or providers from outside."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SESSIONLS_") and not name.endswith(("_API_KEY", "_API_BASE", "_BASE_URL", "_API_TOKEN"))
    }
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA"):
        kept[name] = str(home / name.lower())
    return kept | {
        "LOCALAPPDATA": str(home / "local"),
        "SESSIONLS_DATA_DIR": str(home / "data"),
        "SESSIONLS_EMBEDDED": "false",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_OFFLINE_MODE": "true",
        "OLLAMA_API_BASE": "http://127.0.0.1:9",
    }


def key_for(models: ModelServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": models.openai}


def text_of(message: dict[str, Any]) -> str:
    return "\n\n".join(part["text"] for part in message["parts"] if part["kind"] == "text")


def lines(first: int, last: int) -> dict[str, Any]:
    """The range of whole lines up to but not including `last`."""
    return {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
