"""Tells a person how to sign in to an external agent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from sessionls.domain.agent import Definition
from sessionls.domain.visible import in_one_line

__all__ = ["hint", "is_sign_in_error"]

_COMMANDS = {
    "claude-agent-acp": "claude /login",
    "claude-code-acp": "claude /login",
    "codex-acp": "codex login",
    "gemini": "gemini",
    "copilot": "copilot login",
    "opencode": "opencode auth login",
    "qwen": "qwen",
    "goose": "goose configure",
    "auggie": "auggie login",
    "kimi": "kimi login",
    "droid": "droid",
}
"""The sign-in commands of well-known agents, by the name of their program."""
_SIGN_IN_ERROR = re.compile(
    r"auth(?:entication|orization)?[ _-]required|not (?:logged|signed) in|please (?:log|sign) ?in|/login", re.IGNORECASE
)
_MOST = 5
_LONGEST = 120
_LONGEST_COMMAND = 500


def is_sign_in_error(text: str) -> bool:
    """Whether the text of an agent's error asks to sign in, for agents that do not use the error code for it."""
    return _SIGN_IN_ERROR.search(text) is not None


def hint(definition: Definition, methods: Iterable[Any]) -> str:
    """The hint for the error, with the methods that the agent announced (`AuthMethod…` of the SDK)."""
    program = PurePath(definition.command or "").name.removesuffix(".cmd").removesuffix(".exe")
    command = _COMMANDS.get(program)
    instruction = f"Sign in with `{command}` in a terminal, then send the message again." if command else ""
    offers = [_describe_method(definition, method) for method in list(methods)[:_MOST]]
    announced = f"It offers: {'; '.join(offers)}." if offers else ""
    return (
        " ".join(filter(None, (instruction, announced)))
        or "Sign in with its own program in a terminal, then send the message again."
    )


def _describe_method(definition: Definition, method: Any) -> str:
    name = _short(getattr(method, "name", "") or getattr(method, "id", ""))
    terminal = (getattr(method, "field_meta", None) or {}).get("terminal-auth")
    if isinstance(terminal, dict) and isinstance(terminal.get("command"), str):
        return f"{name} (`{_command(terminal['command'], terminal.get('args') or ())}`)"
    if getattr(method, "type", None) == "terminal":
        return f"{name} (`{_command(definition.command or '', [*definition.args, *(method.args or ())])}`)"
    if getattr(method, "type", None) == "env_var":
        names = ", ".join(_short(variable.name) for variable in method.vars[:_MOST])
        return f"{name} (set {names} in `env` of the agent)"
    about = _short(getattr(method, "description", None) or "")
    return f"{name} ({about})" if about else name


def _command(program: str, args: Sequence[Any]) -> str:
    return _short(" ".join([PurePath(program).name, *(str(argument) for argument in args)]), _LONGEST_COMMAND)


def _short(text: str, longest: int = _LONGEST) -> str:
    plain = in_one_line(" ".join(str(text).split())).replace("`", "'")
    return plain if len(plain) <= longest else f"{plain[:longest]}…"
