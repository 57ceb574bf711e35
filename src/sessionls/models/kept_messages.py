"""Caches the JSON of a request's messages, so that the next request of the same session only converts new messages.

Every step of a reply sends the whole session again. Messages never change, so those that two requests have in common
need not be converted again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

__all__ = ["KeptMessages"]

Messages = Sequence[Mapping[str, Any]]

_FEW = 32  # messages: shorter requests are not worth caching
_KEPT = 8  # requests
_REQUEST_BYTES = 8 << 20  # only images make larger requests
_TOTAL_BYTES = 16 << 20
_CHUNK = 256  # messages that are compared at once


@dataclass(frozen=True, slots=True)
class _Kept:
    """`data` is the JSON of the converted messages, with commas between them; `ends[n]` is where message `n` ends. Both grow in
    place: a large copy costs more than all that is new.
    """

    key: Hashable
    messages: Messages
    ends: list[int]
    data: bytearray


class KeptMessages:
    """Thread-safe. Requests of more than `request_bytes` are not kept, and all of them take `total_bytes` at most."""

    def __init__(self, *, request_bytes: int = _REQUEST_BYTES, total_bytes: int = _TOTAL_BYTES) -> None:
        self._request_bytes, self._total_bytes = request_bytes, total_bytes
        self._lock = threading.Lock()
        self._kept: list[_Kept] = []  # the newest last

    def to_json(
        self,
        key: Hashable,
        messages: Messages,
        convert: Callable[[Messages], Sequence[Any]],
        head: bytes = b"",
        tail: bytes = b"",
    ) -> bytes:
        """The JSON of `convert(messages)`, without brackets, between `head` and `tail`.

        `convert` must treat each message by itself and in the same way for the same key. It may add messages at the end.
        Raises `ValueError` for text that JSON cannot express.
        """
        if len(messages) < _FEW:
            return b"".join((head, _join(convert(messages))[0], tail))
        kept, count = self._take(key, messages)
        data = kept.data
        if count < len(kept.messages):
            del data[kept.ends[count - 1] if count else 0 :]
            del kept.ends[count:]
        new = convert(messages[count:])
        added, ends = _join(new)
        if data and added:
            data += b","
        kept.ends.extend(len(data) + end for end in ends)
        data += added
        whole = b"".join((head, data, tail))
        if len(new) == len(messages) - count and len(data) <= self._request_bytes:
            self._put(_Kept(key, list(messages), kept.ends, data))
        return whole

    def _take(self, key: Hashable, messages: Messages) -> tuple[_Kept, int]:
        """Remove and return the request with the most messages in common, and their number. The caller may change its list."""
        with self._lock:
            counts = [_common(one.messages, messages) if one.key == key else 0 for one in self._kept]
            most = max(counts, default=0)
            if not most:
                return _Kept(key, [], [], bytearray()), 0
            return self._kept.pop(counts.index(most)), most

    def _put(self, kept: _Kept) -> None:
        with self._lock:
            self._kept.append(kept)
            while len(self._kept) > 1 and (len(self._kept) > _KEPT or self._size() > self._total_bytes):
                self._kept.pop(0)

    def _size(self) -> int:
        return sum(len(one.data) for one in self._kept)


def _common(one: Messages, other: Messages) -> int:
    """How many messages at the beginning are the same."""
    length = min(len(one), len(other))
    count = 0
    while count < length and one[count : count + _CHUNK] == other[count : count + _CHUNK]:
        count = min(count + _CHUNK, length)
    while count < length and one[count] == other[count]:
        count += 1
    return count


def _join(converted: Sequence[Any]) -> tuple[bytes, list[int]]:
    pieces = [to_json(message) for message in converted]
    ends: list[int] = []
    end = -1
    for piece in pieces:
        end += len(piece) + 1
        ends.append(end)
    return b",".join(pieces), ends
