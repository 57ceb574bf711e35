"""External agents for tests: their scripts, and the messages that they received."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from in_process_app import App, write_agent
from sessionls.domain.model import Message
from sessionls.runtimes.acp.connection import Timeouts
from sessionls.sessions.composing import Outgoing

__all__ = ["RESUMES", "ExternalAgentScript", "begin", "is_running", "scripted", "send", "set_timeouts", "until", "with_agents"]

RESUMES: dict[str, Any] = {"sessionCapabilities": {"resume": {}}, "promptCapabilities": {"embeddedContext": True}}
_PROGRAM = str(Path(__file__).with_name("acp_agent.py"))


@dataclass
class ExternalAgentScript:
    """The script for `acp_agent.py`. `setting` is its entry in the settings."""

    path: Path
    script: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path.write_text(json.dumps(self.script), "utf-8")

    def setting(self, **more: Any) -> dict[str, Any]:
        return {"command": sys.executable, "args": [_PROGRAM, str(self.path)], **more}

    @property
    def received(self) -> list[dict[str, Any]]:
        log = self.path.with_suffix(".log")
        return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []

    @property
    def methods(self) -> list[str]:
        return [one["method"] for one in self.received if "method" in one]

    @property
    def processes(self) -> list[int]:
        """The ids of its processes, in order."""
        return list(dict.fromkeys(one["pid"] for one in self.received))

    @property
    def prompts(self) -> list[list[dict[str, Any]]]:
        return [one["params"]["prompt"] for one in self.received if one.get("method") == "session/prompt"]

    def prompt(self, number: int = -1) -> str:
        """The text of a prompt that it received."""
        texts = [block for block in self.prompts[number] if block["type"] != "image"]
        return "\n".join(block.get("text") or block["resource"]["text"] for block in texts)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text("utf-8").rpartition(")")[2].split()[0] != "Z"


def scripted(folder: Path, *replies: list[Any], name: str = "guest", **script: Any) -> ExternalAgentScript:
    given = {"announce": RESUMES, **script}
    return ExternalAgentScript(folder.parent / f"{name}.json", {**given, **({"replies": list(replies)} if replies else {})})


async def send(home: App, text: str, session_id: str | None = None, **more: Any) -> Message:
    """Send a message, by default to the external agent and in a new session."""
    if session_id is None:
        session_id = (await home.sessions.create(agent="plain")).id
    await home.sessions.open(session_id)
    return (await home.sessions.message(session_id, Outgoing(text, **{"agent": "guest", **more}))).reply


async def begin(home: App, text: str = "Go") -> tuple[str, asyncio.Task[Message]]:
    """Send a message to the external agent in a new session."""
    session = await home.sessions.create(agent="plain")
    await home.sessions.open(session.id)

    async def send() -> Message:
        return (await home.sessions.message(session.id, Outgoing(text, agent="guest"))).reply

    return session.id, asyncio.create_task(send())


def set_timeouts(home: App, **seconds: float) -> None:
    assert home.built.external is not None
    home.built.external.pool.timeouts = Timeouts(**seconds)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.02)


def with_agents(folder: Path) -> Path:
    """The workspace folder, with two agents of ours and a file."""
    write_agent(folder, "plain", "You are plain.", tools="[read_file]", temperature=0.25)
    write_agent(folder, "other", "You are another.", tools="[]")
    (folder / "a.py").write_text("answer = 42\n")
    return folder
