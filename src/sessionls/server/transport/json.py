"""JSON as it arrives."""

from __future__ import annotations

import json
import re
from typing import Any

import pydantic_core

__all__ = ["parse"]

_LONE = re.compile(r"[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """The value. Raises ValueError where the bytes are not JSON, or nested too deeply to be meant.

    An editor whose text holds half of a surrogate pair sends it as it is; no UTF-8 text can hold it, so that it is read as
    U+FFFD, which takes the same room in UTF-16 positions.
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        if rb"\ud" not in body.lower():
            raise
    try:
        return _whole(json.loads(body, parse_constant=_no_constant))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _whole(value: Any) -> Any:
    match value:
        case str():
            return _LONE.sub("\N{REPLACEMENT CHARACTER}", value)
        case dict():
            return {_whole(key): _whole(item) for key, item in value.items()}
        case list():
            return [_whole(item) for item in value]
        case _:
            return value
