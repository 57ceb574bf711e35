"""The formats of definitions: ours, and those of other tools with their names and shapes turned into ours.

What is read of the others follows their documentation as of 2026: Claude Code's subagents, VS Code's and GitHub Copilot's
custom agents, OpenCode's agents. Fields that mean nothing here are passed over. A permission that one of them gives is
not given here (a yes said to another program is none to this one); what it forbids is forbidden here too.
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
    if name not in ("prompt", "source", "origin", "digest", "runtime")
)
"""The fields of our own frontmatter."""

_FOREIGN: Mapping[Format, Callable[[Page], dict[str, Any]]] = {
    "claude": read_claude,
    "copilot": read_copilot,
    "opencode": read_opencode,
}


class Disabled(Exception):
    """The file says of itself that it is switched off."""


def read(
    data: bytes,
    *,
    format: Format,  # noqa: A002
    stem: str,
    source: str,
    origin: Literal["builtin", "user", "workspace"],
    notes: list[str] | None = None,
) -> Definition:
    """The definition that a file's bytes hold. `stem`, the file's name without its ending, is the agent's where it has none.

    `notes` takes, in words for a person, what was not read as it stands. Raises `Broken`, and `Disabled` for a file that switches
    itself off.
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
            raise Broken("line 1: no frontmatter; it opens with --- and says at least name and description")
        if page.fields.get("disable") is True or page.fields.get("disabled") is True:
            raise Disabled
        fields = _FOREIGN[format](page)
    fields.setdefault("prompt", page.body)
    if not fields["prompt"]:
        raise Broken("no prompt: the text below the frontmatter is what the agent is told")
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
            page.notes.append(f"{_explain(error, page)}; that field is left out")
            del fields[left_out]
    if notes is not None:
        notes += page.notes
    return definition


# Of other tools' files, what an agent can do without where its value is none.
_OPTIONAL = ("description", "models", "temperature", "reasoningEffort", "maxSteps", "color")


def _any_name(given: str | None, stem: str, page: Page) -> str:
    """The name that a file of another tool gives, else the file's, made to fit."""
    for candidate in (given, stem):
        if candidate is not None and (name := _plain_name(candidate)):
            if candidate is stem and given is not None:
                page.notes.append(
                    f"its name has no letter a-z and no digit: it is called {name[:NAME_LIMIT]} here, as its file is"
                )
            elif len(name) > NAME_LIMIT:
                page.notes.append(f"its name is longer than {NAME_LIMIT} characters and is cut")
            return name[:NAME_LIMIT]
    raise Broken("no name: give it one of letters a-z, digits, - and _")


def normal_name(text: str) -> str:
    """A name in the form `[a-z0-9][a-z0-9_-]*`, from a file's name or a display name. Raises `Broken` where nothing is left."""
    name = _plain_name(text)
    if not name:
        raise Broken("no name: give it one of letters a-z, digits, - and _")
    if len(name) > NAME_LIMIT:
        raise Broken(f"the name is longer than {NAME_LIMIT} characters")
    return name


def _plain_name(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.strip().lower()).strip("-").lstrip("_-")


def guess_name(data: bytes, stem: str) -> str:
    """The name that a broken file most likely wanted to define: it must not be answered by another definition instead."""
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
            hint = f"; is {near[0]} meant?" if near else f"; there are {', '.join(FIELDS)}"
            raise Broken(f"line {page.lines[name]}: there is no field {name}{hint}")
    fields = {name: value for name, value in page.fields.items() if value is not None}
    # YAML makes of a name such as 7 or yes something else than a text.
    fields |= {name: page.texts[name] for name in ("name", "description") if name in page.texts}
    if "model" in fields:
        model = fields.pop("model")
        fields["models"] = [model] if isinstance(model, str) else model
    if isinstance(fields.get("tools"), str):
        fields["tools"] = [name.strip() for name in fields["tools"].split(",") if name.strip()]
    for name in tools if isinstance(tools := fields.get("tools"), list) else ():
        if isinstance(name, str) and "/" not in name and name not in TOOL_NAMES:
            near = difflib.get_close_matches(name, TOOL_NAMES, n=1)
            hint = f"is {near[0]} meant?" if near else f"there are {', '.join(TOOL_NAMES)}, and server/tool of an MCP server"
            raise Broken(f"line {page.lines['tools']}: there is no tool {name[:40]}; {hint}")
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
