"""The tool calls of a step, assembled from their pieces.

OpenAI numbers the pieces of each call with `index` and names it with `id` once. Others leave out one or both, number all calls 0,
number the pieces instead of the calls, repeat the name or cut it in two, send arguments as an object, or encode them twice.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionls.ports.models import ToolRequest

__all__ = ["Calls"]

_MOST = 1000  # calls in one step


@dataclass(slots=True)
class _Call:
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def has_arguments(self) -> bool:
        return any(piece.strip() for piece in self.pieces)

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are a JSON object already."""
        return self.has_arguments and isinstance(_loads(self.text), dict)


class Calls:
    """The calls of one step. `offered` are the names of the tools that the model may call: they resolve ambiguous pieces."""

    def __init__(self, offered: Collection[str] = ()) -> None:
        self._offered = frozenset(offered)
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return any(call.name or call.has_arguments for call in self._calls)

    def add(self, piece: Any) -> int:
        """Add a piece in the form of OpenAI's `tool_calls`. Returns its number of characters."""
        if not isinstance(piece, Mapping):
            return 0
        function = piece.get("function")
        inner: Mapping[str, Any] = function if isinstance(function, Mapping) else piece
        name, arguments = _text(inner.get("name")), inner.get("arguments")
        index, call_id = piece.get("index"), _text(piece.get("id")) or _text(piece.get("call_id"))
        index = int(index) if isinstance(index, str) and index.isdecimal() and len(index) < 6 else index
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        call = self._find(index, call_id, name, arguments)
        if call is None:
            if len(self._calls) >= _MOST:
                return 0
            call = _Call()
            self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        call.call_id = call.call_id or call_id
        if name:
            call.name = self._merge_names(call.name, name)
        if isinstance(arguments, str):
            call.pieces.append(arguments)
        elif arguments is not None:  # arguments as an object are always complete
            call.pieces = [json.dumps(arguments)]
        return len(name) + (len(call.pieces[-1]) if arguments is not None else 0)

    def requests(self) -> list[ToolRequest]:
        """The complete calls, in the order in which they began."""
        requests = []
        taken: set[str] = set()
        for call in self._calls:
            if not (call.name or call.has_arguments):
                continue
            call_id = call.call_id if call.call_id and call.call_id not in taken else f"call_{uuid.uuid4().hex}"
            taken.add(call_id)
            requests.append(ToolRequest(call_id, call.name, arguments_text(call.text)))
        return requests

    def _find(self, index: int | None, call_id: str, name: str, arguments: Any) -> _Call | None:
        """The call that the piece belongs to; None if it begins another one."""
        if not self._calls:
            return None
        last = self._calls[-1]
        if call_id:
            same = next((call for call in reversed(self._calls) if call.call_id == call_id), None)
            if same is not None:
                # Two calls may share an id, and differ in their numbers.
                renumbered = index is not None and self._by_index.get(index) is not same
                is_new = bool(name) and renumbered and (same.is_whole or not same.has_arguments)
                return None if is_new or self._begins_another(same, name, arguments) else same
        numbered = self._by_index.get(index) if index is not None else last
        if numbered is None:  # another number means another call if the piece looks like the beginning of one
            if name:
                return last if not call_id and self._offered and self._completes_name(last, name) else None
            return last if not call_id or (last.has_arguments and not last.is_whole) else None
        if not name:
            if call_id and numbered.call_id and numbered.is_whole and not _text(arguments):
                return None  # the name will follow
            return numbered
        if call_id and numbered.call_id:
            return None
        return None if self._begins_another(numbered, name, arguments) else numbered

    def _begins_another(self, call: _Call, name: str, arguments: Any) -> bool:
        """Whether a piece with that name is another call, although its number or id is that of this one."""
        if not name or not call.name or self._completes_name(call, name):
            return False
        if name != call.name and {name, call.name} <= self._offered:
            return True
        if call.is_whole:
            return name != call.name or bool(arguments.strip() if isinstance(arguments, str) else arguments)
        return call.has_arguments and name != call.name

    def _completes_name(self, call: _Call, name: str) -> bool:
        """Whether it is the rest of a name whose first part came earlier."""
        if call.has_arguments or not call.name or call.name in self._offered:
            return False
        return call.name + name in self._offered or not self._offered

    def _merge_names(self, before: str, name: str) -> str:
        if not before or name == before or (name.startswith(before) and name in self._offered):
            return name
        if before in self._offered and before + name not in self._offered:
            return before
        return before + name


def arguments_text(text: str) -> str:
    """The arguments as the text of a JSON object if they can be read as one; else as they were written."""
    found = _loads(text)
    for _ in range(3):  # encoded more than once
        if not isinstance(found, str):
            break
        text, found = found, _loads(found)
    if not text.strip() or (found is None and text.strip() == "null") or found == []:
        return "{}"
    if found is None and text.lstrip().startswith("{}"):
        # An empty object as a first piece, and then the object.
        rest = text.lstrip()[2:]
        if isinstance(_loads(rest), dict):
            return rest
    return text


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""
