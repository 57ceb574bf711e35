"""Questions of a server during a call, which the person can answer with yes or no.

A form is shown with the content that a yes would send: defaults, and a field to confirm. A form that requires typing or choosing
is declined, and the agent is informed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sessionls.domain import uris
from sessionls.domain.text import replace_lone_surrogates

__all__ = ["ServerQuestion", "question_of"]

_SUMMARY = 200  # characters
_DETAIL = 4_000
_FIELDS = 20

Value = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class ServerQuestion:
    """A server's question. `content` is sent for a yes; None if a yes is not enough, and then `needs` names the fields."""

    summary: str
    detail: str
    content: Mapping[str, Value] | None
    needs: str = ""


def question_of(server: str, params: Any) -> ServerQuestion:
    """The question in an elicitation; `params` are those of the MCP SDK."""
    message = replace_lone_surrogates(params.message)
    summary = f"the MCP server {server} asks: {_line(message)}"
    if params.mode == "url":
        detail = (
            f"{message}\n\nIt wants you to open this address:\n{_line(replace_lone_surrogates(params.url), _DETAIL)}\n\n"
            "Open it yourself if you trust the server, then allow this."
        )
        return ServerQuestion(summary[:_SUMMARY], _block(detail), {})
    fields = params.requested_schema.get("properties")
    fields = fields if isinstance(fields, dict) else {}
    required = params.requested_schema.get("required")
    required = set(required) if isinstance(required, list) else set()
    content: dict[str, Value] = {}
    open_: list[str] = []
    for name, field in fields.items():
        value = _default(field)
        if value is not None:
            content[name] = value
        else:
            open_.append(name)
    confirmed = [name for name in open_ if isinstance(fields[name], dict) and fields[name].get("type") == "boolean"]
    if len(confirmed) == 1 and not (set(open_) - set(confirmed)) & required:
        content[confirmed[0]] = True
        open_ = []
    missing = [name for name in open_ if name in required]
    if not content and open_ and not missing:
        missing = open_  # nothing is required, but an empty answer is useless
    detail = _block(f"{message}\n\nA yes sends: {_sent(content)}")
    if missing or len(fields) > _FIELDS:
        needs = ", ".join(_line(name, 60) for name in (missing or list(fields))[:_FIELDS])
        return ServerQuestion(summary[:_SUMMARY], detail, None, needs)
    return ServerQuestion(summary[:_SUMMARY], detail, content)


def _default(field: Any) -> Value | None:
    """The value of a field without input: its default, or its only choice."""
    if not isinstance(field, dict):
        return None
    for value in (field.get("default"), field.get("const")):
        if isinstance(value, str | int | float | bool):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    return None


def _sent(content: Mapping[str, Value]) -> str:
    return (
        ", ".join(f"{_line(name, 60)} = {json.dumps(value, ensure_ascii=False)}" for name, value in content.items())
        or "nothing more"
    )


def _line(text: str, limit: int = _SUMMARY) -> str:
    line = uris.printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[:limit]}…"


def _block(text: str) -> str:
    cut = text if len(text) <= _DETAIL else f"{text[:_DETAIL]}…"
    return "\n".join(uris.printable(line) for line in cut.splitlines())
