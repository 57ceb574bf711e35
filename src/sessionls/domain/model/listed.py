"""What a client can list: agents, skills and models."""

from __future__ import annotations

from typing import Literal

from sessionls.domain.model.base import Shown, Wire

__all__ = ["Agent", "InstallableAgent", "ModelInfo", "Skill"]


class Agent(Wire):
    """An agent in a list. `source` is "builtin" or the URI of the file that defines it. `problem` is why it cannot be invoked,
    and `notice` says what in its file was ignored or read differently.
    """

    name: str
    description: Shown
    model: str
    tools: list[str]
    source: str
    runtime: Literal["litellm", "acp"] = "litellm"
    trusted: bool
    available: bool
    problem: Shown | None = None
    notice: Shown | None = None
    color: str | None = None
    code_action: bool | None = None


class InstallableAgent(Wire):
    """A known external agent that is not installed on this machine. `install` is the command to install it."""

    name: str
    title: str
    install: str


class Skill(Wire):
    """A skill in a list: a folder with instructions for one kind of task. `source` is the URI of its `SKILL.md`.

    `problem` is why no agent can read it. `notice` says what in it was ignored or read differently, or which other skill of the
    same name it replaces.
    """

    name: Shown
    description: Shown
    source: str
    trusted: bool
    available: bool
    problem: Shown | None = None
    notice: Shown | None = None


class ModelInfo(Wire):
    """A model, and the reason if it is not available. `contextWindow` is in tokens. `images`: if known, whether it
    accepts images.
    """

    name: str
    provider: str
    available: bool
    problem: str | None = None
    context_window: int | None = None
    images: bool | None = None
    default: bool | None = None
