"""Tool calls: one outside any reply, which records in lists what it would add to the log, and those that a model asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

from model_server import Answer, ToolUse
from sessionls.domain.model import Finding

__all__ = ["LoneCall", "runs"]


@dataclass
class LoneCall:
    session_id: str = "session"
    message_id: str = "message"
    call_id: str = "call"
    agent: str = "code"
    findings: list[Finding] = field(default_factory=list)
    edits: list[tuple[str, str, bool]] = field(default_factory=list)
    patches: list[str | None] = field(default_factory=list)
    kept: list[str | None] = field(default_factory=list)
    answer: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def report(self, finding: Finding) -> Finding:
        self.findings.append(finding)
        return finding

    async def edited(self, uri: str, summary: str, *, applied: bool, patch: str | None = None, kept: str | None = None) -> None:
        self.edits.append((uri, summary, applied))
        self.patches.append(patch)
        self.kept.append(kept)

    async def confirm(self, summary: str, detail: str) -> bool:
        self.asked.append((summary, detail))
        return self.answer


def runs(*commands: str) -> Answer:
    """A model's answer that runs these commands."""
    return Answer(tools=[ToolUse("run_command", {"command": command}) for command in commands])
