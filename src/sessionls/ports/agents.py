"""The port of the agent definitions."""

from __future__ import annotations

from typing import Protocol

from sessionls.domain.agent import Definition
from sessionls.domain.model import Agent

__all__ = ["Agents"]


class Agents(Protocol):
    def get(self, name: str) -> Definition:
        """The definition as it is on disk now. Raises `AgentNotFound`, `AgentUnavailable`."""
        ...

    def list(self) -> list[Agent]: ...

    def instructions(self) -> str:
        """What the workspace tells every agent (`AGENTS.md`); empty where there is none."""
        ...
