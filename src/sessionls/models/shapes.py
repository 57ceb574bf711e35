"""Helpers for messages as the core builds them, shared by all interfaces."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["arguments_object", "fitting_id", "is_object_text", "parts_of", "text_of"]


def text_of(content: Any) -> str:
    """The text of a message's content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in parts_of(content) if isinstance(part.get("text"), str))


def parts_of(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, Sequence):
        return [part for part in content if isinstance(part, Mapping)]
    return []


def arguments_object(text: Any) -> dict[str, Any]:
    """The arguments of a call as a JSON object, whatever they are. Our own marks and values that JSON cannot express are left
    out.
    """
    try:
        found = json.loads(text, parse_constant=_nothing, parse_float=_finite) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if not name.startswith("\0")} if isinstance(found, dict) else {}


def is_object_text(text: Any) -> bool:
    """Whether it is the text of a JSON object without our own marks, as arguments nearly always are."""
    if not isinstance(text, str) or not text.startswith("{") or "\\u0000" in text:
        return False
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _nothing(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _refuse(name: str) -> None:
    raise ValueError(name)


def fitting_id(call_id: Any, pattern: re.Pattern[str], length: int) -> str:
    """The id of a call in a form that the provider accepts. Another provider may have used characters that this one refuses."""
    text = str(call_id)
    if pattern.fullmatch(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
