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
        """The known external agents that are not installed on this machine."""
        ...

    def instructions(self) -> str:
        """The workspace's instructions for every agent (`AGENTS.md`); empty if there are none."""
        ...

    def instructions_near(self, root: Path, name: str) -> Sequence[tuple[str, str]]:
        """The instructions that apply to the file `name`, a path with `/` relative to `root`, which must be a real path.

        Returns the path and the text of each file with instructions, the nearest last. Reads the disk, so call it in a thread.
        """
        ...

    def skills(self) -> Sequence[Skill]:
        """All skills by name, each with its problem, if any."""
        ...

    def skill_instructions(self, definition: Definition) -> str:
        """The part of the prompt about the skills that the agent may use; empty if there are none."""
        ...
