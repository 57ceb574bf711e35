"""External agents for tests: their scripts, and the messages that they received."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ExternalAgentScript", "is_running"]

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
