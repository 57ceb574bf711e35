"""The scanners in the place of a model: they answer a message by one call of the tool `scan`."""

from __future__ import annotations

import builtins
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sessionls.domain import transitions
from sessionls.domain.agent import Definition
from sessionls.domain.ids import new_id
from sessionls.domain.model import AgentAuthor, ModelInfo, Session
from sessionls.ports.models import ModelOutput, ModelRequest, StepEnd, ToolRequest

__all__ = ["SCAN", "ScanModel", "scan_start"]

SCAN = Definition(name="scan", prompt="", tools=("scan",), max_steps=2)
"""Who writes the reply to a scan."""

_MODEL = "scanners"


def scan_start(session: Session) -> transitions.Start:
    """The start of a scanners' reply."""
    author = AgentAuthor(agent=SCAN.name, model=_MODEL, definition="")
    return transitions.Start(new_id(), author, (session.agent, session.model))


@dataclass
class ScanModel:
    """Stands where a model stands (`ports.Models`), and does one thing: it calls `scan` once."""

    arguments: Mapping[str, Any]
    _called: bool = field(default=False, init=False)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:  # noqa: ARG002
        if not self._called:
            self._called = True
            yield ToolRequest("scan", "scan", json.dumps(dict(self.arguments)))
        yield StepEnd(None, "stop")

    def warm(self) -> None: ...

    async def choose(self, preferences: Sequence[str]) -> str:  # noqa: ARG002
        return _MODEL

    def window(self, model: str) -> int | None:  # noqa: ARG002
        return None

    async def list(self) -> builtins.list[ModelInfo]:
        return []
