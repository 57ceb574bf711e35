"""The arguments of a call, as a model writes them."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["arguments_of"]

_DEEPEST = 100  # levels: what is kept of them stands some levels deep itself, and JSON of more than 200 is not read back


def arguments_of(text: str) -> dict[str, Any] | None:
    """The JSON object that the model wrote. None for what could not be kept and told again: no JSON object, one that is nested
    too deeply, or that holds half of a surrogate pair.
    """
    try:
        found = json.loads(text or "{}")
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not _is_too_deep(found) else None


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
