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
from sessionls.agents.frontmatter import Broken, Page, parse
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

_FOREIGN: Mapping[Format, Callable[[Page], dict[str, Any]]] = {
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

    `notes` collects, for a person, what was ignored or read differently. Raises `Broken`, and `Disabled` for a definition that
    disables itself.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Broken(f"line {line}: not UTF-8 text") from None
    page = parse(text, lenient=format != "sessionls")
    if format == "sessionls":
        fields = _own(page)
    else:
        if format == "claude" and not page.fenced:
            raise Broken("line 1: no frontmatter; it must begin with --- and have at least name and description")
        if page.fields.get("disable") is True or page.fields.get("disabled") is True:
            raise Disabled
        fields = _FOREIGN[format](page)
    fields.setdefault("prompt", page.body)
    if not fields["prompt"] and fields.get("runtime") != "acp":
        raise Broken("no prompt: write the agent's prompt below the frontmatter")
    given = fields.get("name")
    if given is None or isinstance(given, str):
        fields["name"] = normal_name(stem if given is None else given) if format == "sessionls" else _any_name(given, stem, page)
    fields |= {"source": source, "origin": origin, "digest": hashlib.sha256(data).hexdigest()}
    while True:
        try:
            definition = Definition.model_validate(fields, by_alias=True, by_name=False)
            break
        except ValidationError as error:
            left_out = str(error.errors(include_url=False)[0]["loc"][0])
            if format == "sessionls" or left_out not in _OPTIONAL or left_out not in fields:
                raise Broken(_explain(error, page)) from None
            page.notes.append(f"{_explain(error, page)}; the field is ignored")
            del fields[left_out]
    if notes is not None:
        notes += page.notes
    return definition


# In other tools' files, fields that may be dropped if their value is invalid.
_OPTIONAL = ("description", "models", "temperature", "reasoningEffort", "maxSteps", "color")


def _any_name(given: str | None, stem: str, page: Page) -> str:
    """The name in another tool's file, else that of the file, in a valid form."""
    for candidate in (given, stem):
        if candidate is not None and (name := _plain_name(candidate)):
            if candidate is stem and given is not None:
                page.notes.append(
                    f"its name has no letter a-z and no digit: it is called {name[:NAME_LIMIT]} here, like its file"
                )
            elif len(name) > NAME_LIMIT:
                page.notes.append(f"its name is longer than {NAME_LIMIT} characters and is cut")
            return name[:NAME_LIMIT]
    raise Broken("no name: give it a name with letters a-z, digits, - and _")


def normal_name(text: str) -> str:
    """A name in the form `[a-z0-9][a-z0-9_-]*`, from a file's name or a display name. Raises `Broken` if nothing remains."""
    name = _plain_name(text)
    if not name:
        raise Broken("no name: give it a name with letters a-z, digits, - and _")
    if len(name) > NAME_LIMIT:
        raise Broken(f"the name is longer than {NAME_LIMIT} characters")
    return name


def _plain_name(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.strip().lower()).strip("-").lstrip("_-")


def guess_name(data: bytes, stem: str) -> str:
    """The name that a broken file probably means to define, so that no other definition is used for it."""
    head = data[:4096].decode("utf-8", "replace")
    match = re.search(r"^name:[ \t]*[\"']?([^\"'\r\n]+)", head, re.MULTILINE)
    for candidate in (match[1] if match else "", stem):
        try:
            return normal_name(candidate[:NAME_LIMIT])
        except Broken:
            continue
    return stem[:NAME_LIMIT]


def _own(page: Page) -> dict[str, Any]:
    for name in page.fields:
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known fields: {', '.join(FIELDS)}"
            raise Broken(f"line {page.lines[name]}: unknown field {name}{hint}")
    fields = {name: value for name, value in page.fields.items() if value is not None}
    # YAML does not read a name such as 7 or yes as a text.
    fields |= {name: page.texts[name] for name in ("name", "description") if name in page.texts}
    if "model" in fields:
        model = fields.pop("model")
        fields["models"] = [model] if isinstance(model, str) else model
    if fields.get("runtime", "acp") != "acp":
        raise Broken(f"line {page.lines['runtime']}: runtime: must be acp, for an external agent")
    if "runtime" in fields:
        fields.setdefault("tools", [])  # it has its own tools, and none of ours
    for field in ("tools", "skills"):
        if isinstance(given := fields.get(field), str):
            fields[field] = [name.strip() for name in given.split(",") if name.strip()]
    for name in tools if isinstance(tools := fields.get("tools"), list) else ():
        if isinstance(name, str) and "/" not in name and name not in TOOL_NAMES:
            near = difflib.get_close_matches(name, TOOL_NAMES, n=1)
            hint = (
                f"did you mean {near[0]}?" if near else f"known tools: {', '.join(TOOL_NAMES)}, and server/tool of an MCP server"
            )
            raise Broken(f"line {page.lines['tools']}: unknown tool {name[:40]}; {hint}")
    for name in rules if isinstance(rules := fields.get("permissions"), dict) else ():
        if isinstance(name, str) and (problem := rule_problem(name)) is not None:
            raise Broken(f"line {page.lines['permissions']}: {problem}")
    return fields


def _explain(error: ValidationError, page: Page) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = [str(part) for part in problem["loc"]]
    field = "model" if place and place[0] == "models" else place[0] if place else ""
    where = f"line {page.lines[field]}: " if field in page.lines else ""
    inner = "".join(f"[{part}]" for part in place[1:])
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    return f"{where}{field}{inner}: {message}"
