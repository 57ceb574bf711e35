"""Parses the JSON of clients."""

from __future__ import annotations

import json
import re
from typing import Any

import pydantic_core

__all__ = ["parse"]

_MAX_DEPTH = 200  # levels, the parser's limit
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """The value. Raises ValueError for bytes that are not JSON, or nested too deeply.

    An editor may send half of a surrogate pair, which UTF-8 cannot express: it is read as U+FFFD, which has the same width in
    UTF-16 positions.
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        if rb"\ud" not in body.lower():
            raise
    try:
        return _replace_lone_surrogates(json.loads(body, parse_constant=_reject_constant), 0)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _replace_lone_surrogates(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    match value:
        case str():
            return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
        case dict():
            return {
                _replace_lone_surrogates(key, depth): _replace_lone_surrogates(item, depth + 1) for key, item in value.items()
            }
        case list():
            return [_replace_lone_surrogates(item, depth + 1) for item in value]
        case _:
            return value
