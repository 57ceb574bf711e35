"""Reads JSON from the wire."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["MessageHead", "head_of", "oversized_numbers"]

_LARGEST = 2**63  # integers are kept in 64 bits, here and in a database


def oversized_numbers(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The numbers in a value that are too large: the path of each, and what is wrong with it."""
    match value:
        case bool():
            return
        case int() if not -_LARGEST <= value < _LARGEST:
            yield path, "an integer has at most 64 bits"
        case float() if not math.isfinite(value):
            yield path, "the number is too large"
        case dict():
            for key, item in value.items():
                yield from oversized_numbers(item, f"{path}.{key}" if path else str(key))
        case list():
            for number, item in enumerate(value):
                yield from oversized_numbers(item, f"{path}.{number}" if path else str(number))
        case _:
            return


# -- messages that cannot be parsed ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageHead:
    """The id and method of a message, read without parsing all of it."""

    id: int | str
    method: str | None


_HEAD_LENGTH = 64 << 10  # bytes at the beginning that are searched
# A string that is never closed goes on to the end, so that no byte is read from two beginnings.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
# Members after the one that cannot be read, at the end of the message.
_TAIL = re.compile(rb"((?:,\s*" + _STRING + rb"\s*:\s*(?:" + _STRING + rb"|-?\d{1,20}|null))+)\s*\}\s*\Z")
_TAIL_LENGTH = 4 << 10


def head_of(body: bytes) -> MessageHead | None:
    """The id and the method of a message that cannot be parsed, so that its sender gets an answer.

    They may be before or after the part that cannot be parsed. None without an id.
    """
    found = dict(_members(body[:_HEAD_LENGTH]))
    # From a comma on: what precedes it belongs to the part that cannot be read.
    end = body[-_TAIL_LENGTH:]
    at = end.find(b",")
    while at >= 0:
        if (tail := _TAIL.match(end, at)) is not None:
            found |= {key: value for key, value in _members(b"{" + tail[1][1:] + b"}") if key not in found}
            break
        at = end.find(b",", at + 1)
    msg_id, method = found.get("id"), found.get("method")
    if isinstance(msg_id, bool) or not isinstance(msg_id, int | str):
        return None
    return MessageHead(msg_id, method if isinstance(method, str) else None)


def _members(text: bytes) -> Iterator[tuple[str, Any]]:
    """The members of the outermost object with scalar values, as far as the text goes."""
    depth = 0
    key: str | None = None
    before = b""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        elif depth == 1 and token not in b":,":
            value = _scalar(token)
            if before == b":" and key is not None:
                yield key, value
                key = None
            elif before != b":" and isinstance(value, str):
                key = value
        before = token
        if depth > 1:
            key = None


def _scalar(token: bytes) -> Any:
    try:
        return json.loads(token)
    except ValueError:
        return None
