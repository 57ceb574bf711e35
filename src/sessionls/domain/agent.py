"""The definition of an agent: prompt, tools, model and configuration."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

__all__ = ["SKILL_TOOL", "TOOL_NAMES", "Definition", "Permission", "rule_problem"]

Permission = Literal["allow", "ask", "deny"]

SKILL_TOOL = "skill"
"""The tool with which agents read skills. Agents that may use no skill do not have it."""

TOOL_NAMES = (
    "read_file",
    "list_files",
    "search",
    "git_diff",
    "git_log",
    "git_show",
    "diagnostics",
    "symbols",
    "scan",
    "edit_file",
    "create_file",
    "delete_file",
    "run_command",
    "report_finding",
    "ask_agent",
    "search_sessions",
    SKILL_TOOL,
)
"""The built-in tools. Tools of an MCP server are named `server/tool`; `server/*` means all of them."""


STARTUP_RULE = "startup:"
"""The beginning of the name of a rule about files that make others start programs; a glob follows."""


def rule_problem(name: str) -> str | None:
    """The problem with a key of `permissions`; None if it is valid. (A misspelled key would deny nothing.)"""
    known = (*TOOL_NAMES, "read", "write", "execute", "network", "startup", "*")
    if name in known or (name.startswith(STARTUP_RULE) and len(name) > len(STARTUP_RULE)):
        return None
    if "/" in name and not name.startswith(STARTUP_RULE):
        return None
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name[:40]} is not a tool or a risk " + (f"(did you mean {near[0]}?)" if near else "(a server's tools are server/*)")


class Definition(BaseModel):
    """The content of one Markdown file. Names in the frontmatter are camelCase, as on the wire.

    `models` (in the file: `model`, one or a list) are tried in order; none means the default model. `tools` None means all tools,
    `skills` None all skills. A key of `permissions` is the name of a tool, `server/*`, or a risk (`read`, `write`, `execute`,
    `network`); the more specific one wins. `max_cost` is in US dollars for one reply. `digest` is the sha256 of the file's bytes,
    which is recorded in the agent's replies. `source` is "builtin" or the file's URI. With `origin` "workspace", permissions can
    only be made stricter: the author of a repository cannot allow anything.

    `runtime` is the name of the runtime that writes its replies (`ports/runtime.py`). "acp" is an external agent: a program that
    speaks the Agent Client Protocol, started with `command`, `args`, `env` and `cwd`. `mode` and `options` are set in its session
    before each message; its prompt, if any, is sent before the message.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    name: str
    description: str = ""
    prompt: str = ""
    command: str | None = Field(default=None, min_length=1)
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    mode: str | None = None
    options: dict[str, str | bool] = {}
    models: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    max_steps: int = Field(default=50, ge=1)
    max_cost: float | None = Field(default=None, ge=0)
    permissions: dict[str, Permission] = {}
    skills: tuple[str, ...] | None = None
    code_action: bool = False
    color: str | None = None
    source: str = "builtin"
    origin: Literal["builtin", "user", "workspace"] = "builtin"
    digest: str = ""
    runtime: str = "loop"

    @model_validator(mode="after")
    def _one_runtime(self) -> Self:
        if self.runtime == "acp" and self.command is None:
            raise ValueError("an agent of the runtime acp needs a command")
        if self.runtime != "acp" and (self.command or self.args or self.env or self.cwd or self.mode or self.options):
            raise ValueError("command, args, env, cwd, mode and options are only for agents of the runtime acp")
        return self

    def choose_tools(self, names: Iterable[str]) -> list[str]:
        """The names that this agent may use: all or the listed ones, without denied ones."""
        denied = {key for key, action in self.permissions.items() if action == "deny"}
        return [
            name
            for name in names
            if (name != SKILL_TOOL or self.skills != ())
            and (self.tools is None or any(fnmatchcase(name, wanted) for wanted in self.tools))
            and not (name in denied or (name not in self.permissions and any(fnmatchcase(name, key) for key in denied)))
        ]

    def may_use_skill(self, name: str) -> bool:
        """Whether this agent may read that skill."""
        return self.skills is None or any(fnmatchcase(name, wanted) for wanted in self.skills)
