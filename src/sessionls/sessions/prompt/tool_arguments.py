"""Parses the arguments of tool calls, as models write them."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from sessionls.domain.text import replace_lone_surrogates

__all__ = ["LONGEST_UNREADABLE", "arguments_of", "unreadable", "unreadable_message"]

LONGEST_UNREADABLE = 4_000  # characters of unreadable arguments that are stored
_LONGEST_SHOWN = 1_000  # characters of them that are sent to the model
_DEEPEST = 100  # levels of nesting. The stored message adds some, and JSON of more than 200 levels cannot be read back.
_ENCODINGS = 3  # how often arguments may be encoded inside each other


def arguments_of(text: str) -> dict[str, Any] | None:
    """The JSON object that the model wrote. Nothing, `null` and `[]` mean no arguments; an object inside a JSON string is
    unwrapped. None for arguments that cannot be stored and sent again: any other value, too deep nesting, numbers that JSON does
    not have, and half of a surrogate pair.
    """
    value: Any = text
    try:
        for _ in range(_ENCODINGS):
            if not isinstance(value, str):
                break
            value = json.loads(value, parse_constant=_refuse) if value.strip() else {}
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    if value is None or value == []:
        return {}
    return value if isinstance(value, dict) and not _is_too_deep(value) else None


def unreadable(text: str) -> str:
    """The part of unreadable arguments that is stored."""
    return replace_lone_surrogates(text)[:LONGEST_UNREADABLE]


def unreadable_message(kept: str, *, cut: bool = False) -> str:
    """The message to the model about a call with such arguments. `cut`: its answer ended before they were complete."""
    if cut:
        reason = (
            "your answer was cut off before its arguments were complete. Make the call again with shorter arguments, or several "
            "calls in sequence."
        )
    else:
        reason = "its arguments are not a JSON object. Make the call again with one that fits the tool's schema."
    if not kept.strip():
        return f"The call was not made: {reason}"
    shown = kept if len(kept) <= _LONGEST_SHOWN else f"{kept[:_LONGEST_SHOWN]}…"
    return f"The call was not made: {reason} The arguments were:\n{shown}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return False
    return True


def _within(value: Any) -> list[Any]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []
