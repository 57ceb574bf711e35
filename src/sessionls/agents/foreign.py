"""Converts other tools' definitions. Each function returns the fields of a `Definition` under our names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from sessionls.agents.frontmatter import InvalidDefinition, Page
from sessionls.domain.agent import TOOL_NAMES

__all__ = ["read_claude", "read_copilot", "read_opencode"]

_COMMAND_TOOLS = ("run_command", "git_diff", "git_log", "git_show")  # permission to run git includes reading with it
_EDIT_TOOLS = ("edit_file", "create_file", "delete_file")

CLAUDE_TOOLS: Mapping[str, tuple[str, ...]] = {
    "read": ("read_file",),
    "notebookread": ("read_file",),
    "glob": ("list_files",),
    "ls": ("list_files",),
    "grep": ("search",),
    "edit": ("edit_file",),
    "multiedit": ("edit_file",),
    "notebookedit": ("edit_file",),
    "write": ("create_file", "edit_file"),
    "bash": _COMMAND_TOOLS,
    "powershell": _COMMAND_TOOLS,
    "agent": ("ask_agent",),
    "task": ("ask_agent",),
    "lsp": ("diagnostics", "symbols", "scan"),
    "skill": ("skill",),
}
"""Claude Code's tools, lower case. The others (the web, to-do lists, …) have no equivalent here."""

COPILOT_TOOLS: Mapping[str, tuple[str, ...]] = {
    # Tool sets and aliases, of VS Code and of GitHub.
    "read": ("read_file", "diagnostics"),
    "view": ("read_file",),
    "notebookread": ("read_file",),
    "search": ("search", "list_files", "symbols"),
    "grep": ("search",),
    "glob": ("list_files",),
    "edit": _EDIT_TOOLS,
    "multiedit": ("edit_file",),
    "write": ("create_file", "edit_file"),
    "notebookedit": ("edit_file",),
    "execute": _COMMAND_TOOLS,
    "shell": _COMMAND_TOOLS,
    "bash": _COMMAND_TOOLS,
    "powershell": _COMMAND_TOOLS,
    "skill": ("skill",),
    "agent": ("ask_agent",),
    "custom-agent": ("ask_agent",),
    "task": ("ask_agent",),
    # Single tools, which VS Code writes with the name of their set in front.
    "readfile": ("read_file",),
    "problems": ("diagnostics",),
    "codebase": ("search",),
    "textsearch": ("search",),
    "filesearch": ("list_files",),
    "listdirectory": ("list_files",),
    "changes": ("git_diff",),
    "usages": ("search", "symbols"),
    "editfiles": ("edit_file", "create_file"),
    "createfile": ("create_file",),
    "new": ("create_file",),
    "runinterminal": _COMMAND_TOOLS,
    "runcommands": _COMMAND_TOOLS,
    "runtests": ("run_command",),
    "runtasks": ("run_command",),
    "runsubagent": ("ask_agent",),
}
"""VS Code's and GitHub Copilot's tools, lower case, without the set's name. The others have no equivalent here."""

_COPILOT_SETS = frozenset(("read", "search", "edit", "execute", "agent", "web", "todo", "vscode", "browser"))

OPENCODE_TOOLS: Mapping[str, tuple[str, ...]] = {
    "read": ("read_file", "search_sessions"),
    "list": ("list_files",),
    "glob": ("list_files",),
    "grep": ("search",),
    "edit": _EDIT_TOOLS,
    "bash": ("run_command",),
    "shell": ("run_command",),
    "task": ("ask_agent",),
    "subagent": ("ask_agent",),
    "skill": ("skill",),
    "lsp": ("diagnostics", "symbols", "scan"),
}
"""OpenCode's permission keys. `write` and `patch` are governed by `edit` there."""

_OPENCODE_PROVIDERS: Mapping[str, str | None] = {
    "google": "gemini",
    "google-vertex": "vertex_ai",
    "google-vertex-anthropic": "vertex_ai",
    "amazon-bedrock": "bedrock",
    "togetherai": "together_ai",
    "fireworks-ai": "fireworks_ai",
    "lmstudio": "lm_studio",
    "vercel": "vercel_ai_gateway",
    # Models of that tool's own subscription.
    "opencode": None,
    "opencode-go": None,
    "github-copilot": None,
    "github-copilot-enterprise": None,
}
"""Providers that litellm knows under another name, or not at all."""

_EFFORTS = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_CLAUDE_ALIAS = re.compile(r"(sonnet|opus|haiku|inherit|default|best|opusplan)(\[1m\])?")
_CALL = re.compile(r"^([^()]+)\((.*)\)$", re.DOTALL)


def read_claude(page: Page) -> dict[str, Any]:
    """`.claude/agents/*.md`: name, description, tools, skills, disallowedTools, model, effort, maxTurns, permissionMode,
    color.
    """
    frontmatter = page.fields
    fields = _common_fields(page)
    permissions: dict[str, str] = {}
    if (names := _names(page, "tools")) is not None and "*" not in names:
        fields["tools"] = _unique(ours for name in names for ours in _claude_tool(name, permissions))
    if skills := _names(page, "skills"):
        # There, skills are added to the prompt. Here, the agent can read them with a tool.
        fields["skills"] = skills
        if "tools" in fields:
            fields["tools"] = _unique([*fields["tools"], "skill"])
    for name in _names(page, "disallowedTools") or ():
        if not _CALL.match(name):  # one with a pattern denies only some uses
            permissions.update((ours, "deny") for ours in _claude_tool(name, {}) if ours not in _COMMAND_TOOLS[1:])
    if frontmatter.get("permissionMode") in ("plan", "dontAsk"):
        permissions.update(write="deny", execute="deny", network="deny")
    model = page.texts.get("model", "").strip()
    if model.startswith("claude-"):
        fields["models"] = [f"anthropic/{model}"]
    elif re.fullmatch(r"[a-z][\w.-]*/\S+", model):
        fields["models"] = [model]
    elif model and not _CLAUDE_ALIAS.fullmatch(model.lower()):
        page.notes.append(f"its model {model[:60]} is unknown here: the default model is used")
    _set(fields, "maxSteps", frontmatter.get("maxTurns"))
    _set(fields, "reasoningEffort", _EFFORTS.get(str(frontmatter.get("effort"))))
    fields["permissions"] = permissions
    return fields


def read_copilot(page: Page) -> dict[str, Any]:
    """`.github/agents/*.agent.md`: name, description, tools, model.

    A model is usually the display name of one in a subscription, which is not available here: then the default is used.
    """
    fields = _common_fields(page)
    if (names := _names(page, "tools")) is not None and "*" not in names:
        fields["tools"] = _unique(ours for name in names for ours in _copilot_tool(name))
    models = page.fields.get("model")
    models = [models] if isinstance(models, str) else models if isinstance(models, list) else []
    # A litellm name is one lower-case word, unlike "Claude Sonnet 4.5 (copilot)", "GPT-5" and "auto".
    fields["models"] = [
        model
        for model in models
        if isinstance(model, str) and re.fullmatch(r"[a-z][a-z0-9._:/-]*+", model) and re.search(r"[0-9/]", model)
    ]
    return fields


def read_opencode(page: Page) -> dict[str, Any]:
    """`.opencode/agent(s)/*.md`: description, model, variant, temperature, tools, permission, steps, prompt, color.

    The name is the file's.
    """
    frontmatter = page.fields
    fields = _common_fields(page)
    fields.pop("name", None)
    _set(fields, "temperature", frontmatter.get("temperature"))
    _set(fields, "maxSteps", frontmatter.get("steps", frontmatter.get("maxSteps")))
    if isinstance(frontmatter.get("model"), str) and (model := _opencode_model(frontmatter["model"])):
        fields["models"] = [model]
    _set(fields, "reasoningEffort", _EFFORTS.get(str(frontmatter.get("reasoningEffort", frontmatter.get("variant")))))
    if not page.body:
        for name in ("prompt", "system"):
            _set(fields, "prompt", frontmatter.get(name))
    fields["permissions"] = _opencode_permissions(page)
    return fields


# -- tools -----------------------------------------------------------------------------------------------------------


def _claude_tool(name: str, permissions: dict[str, str]) -> Iterable[str]:
    call = _CALL.match(name)
    name = call[1].strip() if call else name
    if name.startswith("mcp__"):
        server, _, tool = name.removeprefix("mcp__").partition("__")
        return (f"{server}/{tool or '*'}",)
    ours = CLAUDE_TOOLS.get(name.lower(), (name,) if name in TOOL_NAMES else ())
    if call and "run_command" in ours:  # only some commands are allowed: ask for each
        permissions["run_command"] = "ask"
    return ours


def _copilot_tool(name: str) -> Iterable[str]:
    name = name.removeprefix("#").removeprefix("tool:")
    if name in TOOL_NAMES:
        return (name,)
    group, slash, tool = name.partition("/")
    if not slash:
        return COPILOT_TOOLS.get(name.lower(), ())
    if group.lower() not in _COPILOT_SETS:
        return (name,)
    return COPILOT_TOOLS.get(group.lower() if tool == "*" else tool.lower(), ())


def _opencode_permissions(page: Page) -> dict[str, str]:
    """The rules of `tools` and `permission` in order; for each of our tools, the last matching rule says ask or deny."""
    rules: list[tuple[str, Any]] = []
    tools = page.fields.get("tools")
    if tools is not None and not isinstance(tools, dict):
        raise InvalidDefinition(f"line {page.lines['tools']}: tools: maps the names of tools to true or false in this format")
    for name, enabled in (tools or {}).items():
        rules.append(("edit" if name in ("write", "patch") else str(name), "allow" if enabled else "deny"))
    permission = page.fields.get("permission")
    if isinstance(permission, str):
        rules.append(("*", permission))
    elif isinstance(permission, dict):
        rules.extend((str(name), rule) for name, rule in permission.items())
    elif permission is not None:
        raise InvalidDefinition(f"line {page.lines['permission']}: permission: is allow, ask, deny, or one of them for each tool")
    listed = page.fields.get("permissions")  # the newer shape: a list of { action, resource, effect }
    for rule in listed if isinstance(listed, list) else ():
        if isinstance(rule, dict) and "action" in rule:
            resource = str(rule.get("resource", "*"))
            effect = rule.get("effect")
            rules.append(
                (str(rule["action"]), effect if resource == "*" or effect == "allow" else {"*": "allow", resource: effect})
            )
    permissions: dict[str, str] = {}
    for theirs, ours in OPENCODE_TOOLS.items():
        matching = [rule for name, rule in rules if fnmatchcase(theirs, name)]
        action = _action(matching[-1]) if matching else "allow"
        if action != "allow":
            permissions.update((tool, action) for tool in ours if permissions.get(tool) != "deny")
    for name, rule in rules:
        # Tools of an MCP server are called server_tool there; only whole servers can be recognised.
        if name.endswith("_*") and "*" not in name[:-1] and (action := _action(rule)) != "allow":
            permissions[f"{name[:-2]}/*"] = action
    return permissions


def _action(rule: Any) -> str:
    """One action for a rule with patterns (of a command, a path): if their actions differ, ask for each use."""
    actions = {str(action) for action in rule.values()} if isinstance(rule, dict) else {str(rule)}
    if actions <= {"allow"}:
        return "allow"
    return "deny" if actions == {"deny"} else "ask"


# -- models and plain fields -------------------------------------------------------------------------------------------


def _opencode_model(model: str) -> str | None:
    provider, slash, name = model.partition("#")[0].partition("/")
    if not slash:
        return model or None
    provider_here = _OPENCODE_PROVIDERS.get(provider, provider)
    return f"{provider_here}/{name}" if provider_here else None


def _common_fields(page: Page) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in ("name", "description", "color"):
        _set(fields, name, page.texts.get(name, page.fields.get(name)))
    if fields.get("name") == "":
        del fields["name"]
    if isinstance(fields.get("description"), str):
        # A long text on when to delegate, with examples: its first line describes the agent.
        fields["description"] = fields["description"].replace("\\n", "\n").strip().split("\n", 1)[0]
    return fields


def _set(fields: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        fields[name] = value


def _names(page: Page, field: str) -> list[str] | None:
    """A list of names, or a string of names with commas between them (not counting commas in parentheses)."""
    value = page.fields.get(field)
    if value is None:
        return None
    if isinstance(value, dict):  # OpenCode's form
        value = [str(name) for name, enabled in value.items() if enabled not in (False, None)]
    if isinstance(value, list) and all(isinstance(name, str | int | float) for name in value):
        value = ",".join(map(str, value))  # YAML splits Bash(a, b) in two
    if not isinstance(value, str):
        raise InvalidDefinition(f"line {page.lines[field]}: {field}: must be a list of names")
    names = [name.strip() for name in _split(value) if name.strip()]
    if len(names) == 1 and "(" not in value:
        names = [name for line in value.split("\n") for name in line.strip().removeprefix("- ").split()]
    return names


def _split(text: str) -> list[str]:
    """The text split at its commas, except at those inside parentheses."""
    parts: list[str] = []
    end, in_parentheses = len(text), False
    for index in range(len(text) - 1, -1, -1):
        match text[index]:
            case ")":
                in_parentheses = True
            case "(":
                in_parentheses = False
            case "," if not in_parentheses:
                parts.append(text[index + 1 : end])
                end = index
    return [*parts, text[:end]][::-1]


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
