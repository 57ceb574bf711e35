"""Questions that a server asks in the middle of a call: put to the person as a question that has a yes and a no.

A form that a yes fills in is shown with what would be sent: fields with defaults, and one that is to be confirmed. One that
needs something typed or chosen is declined, and the agent is told so.
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
    """What a server asks. `content` is what a yes sends; None where no yes can answer it, for which `needs` names the fields."""

    summary: str
    detail: str
    content: Mapping[str, Value] | None
    needs: str = ""


def question_of(server: str, params: Any) -> ServerQuestion:
    """The question in an elicitation, whose `params` are those of the protocol's library."""
    message = replace_lone_surrogates(params.message)
    summary = f"the MCP server {server} asks: {_line(message)}"
    if params.mode == "url":
        detail = (
            f"{message}\n\nIt wants you to open this address:\n{_line(replace_lone_surrogates(params.url), _DETAIL)}\n\n"
            "Open it yourself if you trust the server, and allow this then."
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
        missing = open_  # nothing of it is required, and to send nothing is no answer
    detail = _block(f"{message}\n\nA yes sends: {_sent(content)}")
    if missing or len(fields) > _FIELDS:
        needs = ", ".join(_line(name, 60) for name in (missing or list(fields))[:_FIELDS])
        return ServerQuestion(summary[:_SUMMARY], detail, None, needs)
    return ServerQuestion(summary[:_SUMMARY], detail, content)


def _default(field: Any) -> Value | None:
    """What a field has where nobody says otherwise: its default, or the only thing that may be chosen."""
    if not isinstance(field, dict):
        return None
    for value in (field.get("default"), field.get("const")):
        if isinstance(value, str | int | float | bool):
            return value
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
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
