"""The parts of a reply that is being written: one row each, so that an event writes only the parts that it changed.

The parts of a subagent's reply are rows, too, below the path of the tool call that asked it. As soon as the reply ends or
stops, all parts are stored in the message's own row, and these rows are deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, delete, insert, select

from sessionls.domain.model import KEEP_NATIVE, Message, Part, ToolPart
from sessionls.store.schema import parts as table

__all__ = ["is_growing", "load_parts", "write_parts"]

_parts: TypeAdapter[list[Part]] = TypeAdapter(list[Part])

_OF_MESSAGE = (table.c.session_id == bindparam("session"), table.c.message_id == bindparam("message"))
_LOAD = select(table.c.path, table.c.data).where(*_OF_MESSAGE).order_by(table.c.path)
_CLEAR = delete(table).where(*_OF_MESSAGE)
_REMOVE = delete(table).where(*_OF_MESSAGE, table.c.path == bindparam("at"))


def is_growing(message: Message) -> bool:
    """Whether the message is a reply that is being written: its parts are stored here and not in the message's row."""
    return message.role == "agent" and message.status == "replying"


def write_parts(connection: Connection, before: Message | None, after: Message) -> None:
    """Write the parts that changed; `before` is the message as it is stored."""
    key = {"session": after.session_id, "message": after.id}
    is_growing_now, was_growing = is_growing(after), before is not None and is_growing(before)
    old: Sequence[Part] = before.parts if before is not None and was_growing else ()
    if was_growing and (not is_growing_now or _shrank(old, after.parts)):
        connection.execute(_CLEAR, key)
        old = ()
    if not is_growing_now:
        return
    changed = list(_changed(old, after.parts, ""))
    known = [{**key, "at": path} for path, _, is_new in changed if not is_new]
    if known:
        connection.execute(_REMOVE, known)
    rows = [
        {"session_id": after.session_id, "message_id": after.id, "path": path, "data": _dump(part)} for path, part, _ in changed
    ]
    if rows:
        connection.execute(insert(table), rows)


def load_parts(connection: Connection, message: Message) -> list[Part]:
    """The parts of a reply that is being written."""
    whole: list[dict[str, Any]] = []
    lists: dict[str, list[dict[str, Any]]] = {"": whole}
    for path, data in connection.execute(_LOAD, {"session": message.session_id, "message": message.id}):
        part: dict[str, Any] = json.loads(data)
        parent_path = path.rpartition("/")[0]
        if parent_path not in lists:
            lists[parent_path] = _owner(lists, parent_path)["parts"] = []
        lists[parent_path].append(part)
    return _parts.validate_python(whole)


def _owner(lists: Mapping[str, list[dict[str, Any]]], path: str) -> dict[str, Any]:
    parent_path, _, index = path.rpartition("/")
    return lists[parent_path][int(index)]


def _changed(before: Sequence[Part], after: Sequence[Part], prefix: str) -> Iterator[tuple[str, Part, bool]]:
    """The path of each part that changed, the part, and whether it is new."""
    for index, part in enumerate(after):
        old = before[index] if index < len(before) else None
        # Parts are immutable, so comparing identity is enough.
        if part is old:
            continue
        path = f"{prefix}{index:06}"
        yield path, part, old is None
        yield from _changed(_work(old), _work(part), f"{path}/")


def _shrank(before: Sequence[Part], after: Sequence[Part]) -> bool:
    return len(after) < len(before) or any(
        new is not old and _shrank(_work(old), _work(new)) for old, new in zip(before, after, strict=False)
    )


def _work(part: Part | None) -> Sequence[Part]:
    return part.parts or () if isinstance(part, ToolPart) else ()


def _dump(part: Part) -> str:
    """JSON of the part without the parts of a subagent, which have rows of their own."""
    without_work = part.model_copy(update={"parts": None}) if isinstance(part, ToolPart) else part
    return without_work.model_dump_json(by_alias=True, exclude_none=True, context=KEEP_NATIVE)
