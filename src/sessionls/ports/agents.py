"""The port of the agent definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sessionls.domain.agent import Definition
from sessionls.domain.model import Agent, InstallableAgent, Skill

__all__ = ["Agents", "SkillFolder"]


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """A skill that agents can read. `root` is the real path of its folder: nothing outside of it belongs to the skill."""

    name: str
    root: Path


class Agents(Protocol):
    def get(self, name: str) -> Definition:
        """The definition as it is on disk now. Raises `AgentNotFound`, `AgentUnavailable`."""
        ...

    def list(self) -> list[Agent]: ...

    def installable(self) -> Sequence[InstallableAgent]:
        """The external agents that are known and not on this machine."""
        ...

    def instructions(self) -> str:
        """What the workspace tells every agent (`AGENTS.md`); empty where there is none."""
        ...

    def instructions_near(self, root: Path, name: str) -> Sequence[tuple[str, str]]:
        """What the workspace says to whoever works on the file of that path (with `/`) from its folder's real path: the path of
        each file that says something, and its text, the nearest last. Touches the disk: not for the event loop.
        """
        ...

    def skills(self) -> Sequence[Skill]:
        """Every skill by name, with what is wrong with it."""
        ...

    def skill_instructions(self, definition: Definition) -> str:
        """What an agent is told about the skills that it may use; empty without any."""
        ...
