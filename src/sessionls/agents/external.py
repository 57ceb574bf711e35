"""External agents: known ones that are installed on this machine, and those in the person's settings.

An external agent is a program that speaks the Agent Client Protocol. The commands are those of the protocol's registry and of the
agents' own documentation, as of 2026.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sessionls.domain.agent import Definition
from sessionls.domain.model import InstallableAgent
from sessionls.programs import ExternalAgent

__all__ = ["KNOWN", "KnownAgent", "agents_in_settings", "find_known", "installable_agents"]


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """`commands` are the ways to start it, best first: the program and its arguments. `install` is a command for a shell."""

    name: str
    title: str
    commands: tuple[tuple[str, ...], ...]
    install: str
    env: tuple[tuple[str, str], ...] = ()


KNOWN = (
    KnownAgent(
        "claude-code",
        "Claude Code",
        (("claude-agent-acp",), ("claude-code-acp",)),
        "npm install -g @zed-industries/claude-agent-acp",
    ),
    KnownAgent("codex", "Codex CLI", (("codex-acp",),), "npm install -g @zed-industries/codex-acp"),
    KnownAgent("gemini", "Gemini CLI", (("gemini", "--acp"),), "npm install -g @google/gemini-cli"),
    KnownAgent("copilot", "GitHub Copilot CLI", (("copilot", "--acp"),), "npm install -g @github/copilot"),
    KnownAgent("opencode", "OpenCode", (("opencode", "acp"),), "npm install -g opencode-ai"),
    KnownAgent("qwen", "Qwen Code", (("qwen", "--acp"),), "npm install -g @qwen-code/qwen-code"),
    KnownAgent("goose", "goose", (("goose", "acp"),), "brew install block-goose-cli"),
    KnownAgent(
        "auggie",
        "Auggie CLI",
        (("auggie", "--acp"),),
        "npm install -g @augmentcode/auggie",
        (("AUGMENT_DISABLE_AUTO_UPDATE", "1"),),
    ),
    KnownAgent("kimi", "Kimi CLI", (("kimi", "acp"),), "uv tool install kimi-cli"),
    KnownAgent("vibe", "Mistral Vibe", (("vibe-acp",),), "uv tool install mistral-vibe"),
    KnownAgent("junie", "Junie", (("junie", "--acp=true"),), "npm install -g @jetbrains/junie-cli"),
    KnownAgent("qoder", "Qoder CLI", (("qodercli", "--acp"),), "npm install -g @qoder-ai/qodercli"),
    KnownAgent("droid", "Factory Droid", (("droid", "exec", "--output-format", "acp"),), "npm install -g @factory/cli"),
)


def find_known(path: str | None = None) -> list[Definition]:
    """The `KNOWN` agents with a program in PATH. Reads the disk: do not call it in the event loop."""
    return [definition for agent in KNOWN if (definition := _find(agent, path)) is not None]


def agents_in_settings(settings: Mapping[str, ExternalAgent]) -> Iterator[Definition]:
    """The agents in the settings."""
    for name, agent in settings.items():
        yield _definition(
            name=name,
            description=f"External agent from the settings: {os.path.basename(agent.command)}",  # noqa: PTH119  # of any system
            command=agent.command,
            args=tuple(agent.args),
            env=agent.env,
            cwd=agent.cwd,
            mode=agent.mode,
            options=agent.options,
        )


def installable_agents(definitions: Sequence[Definition]) -> list[InstallableAgent]:
    """The `KNOWN` agents that are not installed, and how to install them."""
    installed = {definition.name for definition in definitions}
    return [
        InstallableAgent(name=agent.name, title=agent.title, install=agent.install)
        for agent in KNOWN
        if agent.name not in installed
    ]


def _find(agent: KnownAgent, path: str | None) -> Definition | None:
    for program, *args in agent.commands:
        if shutil.which(program, path=path) is not None:
            return _definition(
                name=agent.name,
                description=f"{agent.title}, an external agent that is installed here",
                command=program,
                args=tuple(args),
                env=dict(agent.env),
            )
    return None


def _definition(**fields: object) -> Definition:
    definition = Definition.model_validate({"runtime": "acp", "tools": (), "origin": "user", "source": "builtin", **fields})
    digest = hashlib.sha256(definition.model_dump_json(exclude={"env"}).encode()).hexdigest()
    return definition.model_copy(update={"digest": digest})
