"""Reads frontmatter that is not valid YAML line by line, as the tools that it was written for do.

People write a description as prose: over several lines, with colons, angle brackets and examples in it, unquoted. So a field
begins at a line that starts with the name of a known field, and its text continues to the next one.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["KNOWN", "read_lines"]

_TEXT_FIELDS = frozenset(("description", "prompt", "system", "argument-hint", "whenToUse", "when_to_use", "examples"))
KNOWN = _TEXT_FIELDS | frozenset(
    (
        *("name", "tools", "disallowedTools", "model", "effort", "maxTurns", "permissionMode", "color", "skills", "hooks"),
        *("memory", "background", "isolation", "mcpServers", "initialPrompt", "target", "user-invocable", "handoffs", "agents"),
        *("disable-model-invocation", "mcp-servers", "infer", "metadata", "disable", "disabled", "mode", "hidden", "variant"),
        *("temperature", "top_p", "steps", "maxSteps", "permission", "permissions", "options", "reasoningEffort", "version"),
    )
)
"""The documented fields of those formats."""

_FIELD = re.compile(r"(?P<name>[A-Za-z_][\w-]*)[ \t]*:(?P<value>[ \t].*|)$")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"$|'((?:[^']|'')*)'$", re.DOTALL)


def read_lines(head: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The lines of each field, the first one without the name, and the line of the file that it begins in (from 1)."""
    fields: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    current: str | None = None
    for number, line in enumerate(head.split("\n"), start=2):
        match = _FIELD.match(line)
        # Inside a text, "user: …" is a line of an example.
        begins = match is not None and match["name"] not in fields and (match["name"] in KNOWN or current not in _TEXT_FIELDS)
        if match is not None and begins:
            current = match["name"]
            fields[current], lines[current] = [match["value"].strip()], number
        elif current is not None and not (current not in _TEXT_FIELDS and line.lstrip().startswith("#")):
            fields[current].append(line)
    return fields, lines


def as_text(lines: list[str]) -> str:
    """The value of a field as a text, without its quotes or block indicator."""
    first = "" if re.fullmatch(r"[|>][-+0-9]*", lines[0]) else lines[0]
    text = "\n".join([first, *(line.strip() for line in lines[1:])]).strip()
    if (quoted := _QUOTED.match(text)) is not None:
        return (
            re.sub(r"\\(.)", lambda match: match[0] if match[1] == "n" else match[1], quoted[1])
            if quoted[1]
            else ((quoted[2] or "").replace("''", "'"))
        )
    return text


def as_names(lines: list[str]) -> list[str] | str:
    """The value of a field as a list of names, or as text if it is not a list."""
    listed = [line.strip().removeprefix("-").strip().strip("\"'") for line in lines[1:] if line.strip().startswith("-")]
    if listed and not lines[0]:
        return listed
    text = as_text(lines)
    if text.startswith("[") and text.endswith("]"):
        return [name.strip().strip("\"'") for name in text[1:-1].replace("\n", ",").split(",") if name.strip()]
    return text


def as_value(name: str, lines: list[str]) -> Any:
    """The value of a field that YAML cannot read."""
    return as_names(lines) if name in ("tools", "disallowedTools") else as_text(lines)
