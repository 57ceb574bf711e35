"""A definition of an agent: prompt, tools, model and configuration."""

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
"""The tool by which agents read skills: an agent that may use no skill does not have it."""

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
"""The tools sessionls brings itself. Those of an MCP server are called `server/tool`, all of them together `server/*`."""


STARTUP_RULE = "startup:"
"""How the name of a rule begins that is for some of the files by which others start programs; a glob follows."""


def rule_problem(name: str) -> str | None:
    """What is wrong with a key of `permissions`; None where it is one. A misspelt `deny` would deny nothing."""
    known = (*TOOL_NAMES, "read", "write", "execute", "network", "startup", "*")
    if name in known or (name.startswith(STARTUP_RULE) and len(name) > len(STARTUP_RULE)):
        return None
    if "/" in name and not name.startswith(STARTUP_RULE):
        return None
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no tool and no risk {name[:40]}; " + (f"is {near[0]} meant?" if near else "a server's tools are server/*")


class Definition(BaseModel):
    """What one Markdown file defines. Names in the frontmatter are camelCase, as on the wire.

    `models` (in the file: `model`, one or a list) are tried in order; none means the default model. `tools` of None means
    every tool; `skills` of None every skill. A key of `permissions` is the name of a tool, `server/*`, or a risk (`read`,
    `write`, `execute`, `network`); the nearer one wins. `max_cost` is in US dollars for one reply. `digest` is the sha256 of
    the file's bytes (for an agent's replies: what they were written with). `source` is "builtin" or the file's URI. What
    `origin` "workspace" says about permissions can only make them stricter: whoever wrote the repository cannot give the agent
    a yes.

    `runtime` is the name of who writes its replies (`ports/runtime.py`). "acp": an external agent, a program that speaks the
    Agent Client Protocol. `command`, `args`, `env` and `cwd` start it, `mode` and `options` are set in its session before each
    message; its prompt, where it has one, precedes what it is sent.
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
            raise ValueError("command, args, env, cwd, mode and options are for agents of the runtime acp")
        return self

    def choose_tools(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that this agent is offered: all or the listed ones, without those it is denied."""
        denied = {key for key, action in self.permissions.items() if action == "deny"}
        return [
            name
            for name in names
            if (name != SKILL_TOOL or self.skills != ())
            and (self.tools is None or any(fnmatchcase(name, wanted) for wanted in self.tools))
            and not (name in denied or (name not in self.permissions and any(fnmatchcase(name, key) for key in denied)))
        ]

    def may_use_skill(self, name: str) -> bool:
        """Whether this agent may read the skill of that name."""
        return self.skills is None or any(fnmatchcase(name, wanted) for wanted in self.skills)
