"""The formats of definitions: ours, and those of other tools, translated into ours.

The others are read according to their documentation as of 2026: Claude Code's subagents, VS Code's and GitHub Copilot's custom
agents, OpenCode's agents. Fields without a meaning here are ignored. A permission that one of them grants is not granted here
(it was granted to another program); what it denies is denied here too.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import ValidationError

from sessionls.agents.foreign import read_claude, read_copilot, read_opencode
from sessionls.agents.frontmatter import InvalidDefinition, Page, parse
from sessionls.domain.agent import TOOL_NAMES, Definition, rule_problem

__all__ = ["FIELDS", "NAME_LIMIT", "Disabled", "Format", "guess_name", "normal_name", "read"]

Format = Literal["sessionls", "claude", "copilot", "opencode"]
NAME_LIMIT = 64

FIELDS = tuple(
    "model" if name == "models" else field.alias or name
    for name, field in Definition.model_fields.items()
    if name not in ("prompt", "source", "origin", "digest")
)
"""The fields of our own frontmatter."""

_READERS: Mapping[Format, Callable[[Page], dict[str, Any]]] = {
    "claude": read_claude,
    "copilot": read_copilot,
    "opencode": read_opencode,
}


class Disabled(Exception):
    """A field of the definition disables it."""


def read(
    data: bytes,
    *,
    format: Format,  # noqa: A002
    stem: str,
    source: str,
    origin: Literal["builtin", "user", "workspace"],
    notes: list[str] | None = None,
) -> Definition:
    """The definition in a file's bytes. `stem`, the file's name without its suffix, is the default name of the agent.

    `notes` collects, for a person, what was ignored or read differently. Raises
    `InvalidDefinition`, and `Disabled` for a definition that disables itself.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidDefinition(f"line {line}: not UTF-8 text") from None
    page = parse(text, lenient=format != "sessionls")
    if format == "sessionls":
        fields = _read_own(page)
    else:
        if format == "claude" and not page.fenced:
            raise InvalidDefinition("line 1: no frontmatter; it must begin with --- and have at least name and description")
        if page.fields.get("disable") is True or page.fields.get("disabled") is True:
            raise Disabled
        fields = _READERS[format](page)
    fields.setdefault("prompt", page.body)
    if not fields["prompt"] and fields.get("runtime") != "acp":
        raise InvalidDefinition("no prompt: write the agent's prompt below the frontmatter")
    declared_name = fields.get("name")
    if declared_name is None or isinstance(declared_name, str):
        fields["name"] = (
            normal_name(stem if declared_name is None else declared_name)
            if format == "sessionls"
            else _name_or_stem(declared_name, stem, page)
        )
    fields |= {"source": source, "origin": origin, "digest": hashlib.sha256(data).hexdigest()}
    while True:
        try:
            definition = Definition.model_validate(fields, by_alias=True, by_name=False)
            break
        except ValidationError as error:
            invalid_field = str(error.errors(include_url=False)[0]["loc"][0])
            if format == "sessionls" or invalid_field not in _OPTIONAL or invalid_field not in fields:
                raise InvalidDefinition(_describe_error(error, page)) from None
            page.notes.append(f"{_describe_error(error, page)}; the field is ignored")
            del fields[invalid_field]
    if notes is not None:
        notes += page.notes
    return definition


# In other tools' files, fields that may be dropped if their value is invalid.
_OPTIONAL = ("description", "models", "temperature", "reasoningEffort", "maxSteps", "color")


def _name_or_stem(declared_name: str | None, stem: str, page: Page) -> str:
    """The name in another tool's file, else that of the file, in a valid form."""
    for candidate in (declared_name, stem):
        if candidate is not None and (name := _plain_name(candidate)):
            if candidate is stem and declared_name is not None:
                page.notes.append(
                    f"its name has no letter a-z and no digit: it is called {name[:NAME_LIMIT]} here, like its file"
                )
            elif len(name) > NAME_LIMIT:
                page.notes.append(f"its name is longer than {NAME_LIMIT} characters and is cut")
            return name[:NAME_LIMIT]
    raise InvalidDefinition("no name: give it a name with letters a-z, digits, - and _")


def normal_name(text: str) -> str:
    """Returns a valid name (`[a-z0-9][a-z0-9_-]*`) for a file's name or a display name.

    Raises `InvalidDefinition` if nothing remains.
    """
    name = _plain_name(text)
    if not name:
        raise InvalidDefinition("no name: give it a name with letters a-z, digits, - and _")
    if len(name) > NAME_LIMIT:
        raise InvalidDefinition(f"the name is longer than {NAME_LIMIT} characters")
    return name


def _plain_name(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.strip().lower()).strip("-").lstrip("_-")


def guess_name(data: bytes, stem: str) -> str:
    """The name that an invalid file probably defines, so that no other definition with that name is used instead."""
    head = data[:4096].decode("utf-8", "replace")
    match = re.search(r"^name:[ \t]*[\"']?([^\"'\r\n]+)", head, re.MULTILINE)
    for candidate in (match[1] if match else "", stem):
        try:
            return normal_name(candidate[:NAME_LIMIT])
        except InvalidDefinition:
            continue
    return stem[:NAME_LIMIT]


def _read_own(page: Page) -> dict[str, Any]:
    for name in page.fields:
        if name not in FIELDS:
            similar = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"; did you mean {similar[0]}?" if similar else f"; known fields: {', '.join(FIELDS)}"
            raise InvalidDefinition(f"line {page.lines[name]}: unknown field {name}{hint}")
    fields = {name: value for name, value in page.fields.items() if value is not None}
    # YAML does not read a name such as 7 or yes as a text.
    fields |= {name: page.texts[name] for name in ("name", "description") if name in page.texts}
    if "model" in fields:
        model = fields.pop("model")
        fields["models"] = [model] if isinstance(model, str) else model
    if fields.get("runtime", "acp") != "acp":
        raise InvalidDefinition(f"line {page.lines['runtime']}: runtime: must be acp, for an external agent")
    if "runtime" in fields:
        fields.setdefault("tools", [])  # it has its own tools, and none of ours
    for field in ("tools", "skills"):
        if isinstance(names := fields.get(field), str):
            fields[field] = [name.strip() for name in names.split(",") if name.strip()]
    for name in tools if isinstance(tools := fields.get("tools"), list) else ():
        if isinstance(name, str) and "/" not in name and name not in TOOL_NAMES:
            similar = difflib.get_close_matches(name, TOOL_NAMES, n=1)
            hint = (
                f"did you mean {similar[0]}?"
                if similar
                else f"known tools: {', '.join(TOOL_NAMES)}, and server/tool of an MCP server"
            )
            raise InvalidDefinition(f"line {page.lines['tools']}: unknown tool {name[:40]}; {hint}")
    for name in rules if isinstance(rules := fields.get("permissions"), dict) else ():
        if isinstance(name, str) and (problem := rule_problem(name)) is not None:
            raise InvalidDefinition(f"line {page.lines['permissions']}: {problem}")
    return fields


def _describe_error(error: ValidationError, page: Page) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    location = [str(part) for part in problem["loc"]]
    field = "model" if location and location[0] == "models" else location[0] if location else ""
    line = f"line {page.lines[field]}: " if field in page.lines else ""
    inner = "".join(f"[{part}]" for part in location[1:])
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    return f"{line}{field}{inner}: {message}"
