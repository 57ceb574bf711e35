"""The body of a model's answer, read into JSON objects: a stream of server-sent events, lines of JSON, or one JSON document.

Its first character shows which it is: servers declare one content type and send another.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple

from sessionls.models.http import Refused
from sessionls.models.provider_errors import error_in

__all__ = ["DONE", "Event", "events", "read_object"]

LARGEST = 8 << 20  # bytes of one event, of one line, and of a whole document
_DRAIN = 0.1  # seconds that the end of an answer may take after its last event
_BOM = codecs.BOM_UTF8
_UNREADABLE = "It sent JSON that cannot be read."
_NOTHING = object()


class Event(NamedTuple):
    """`name` is the event's name, or empty; `data` is any JSON. `whole`: it is the complete answer, not a piece."""

    name: str
    data: Any
    whole: bool = False


DONE = Event("done", None)  # the stream said that it is complete


def read_object(event: Event) -> dict[str, Any] | None:
    """The JSON object of an event; None for `DONE` and for other data. Raises `Refused` for an error inside the answer."""
    if error_in(event.data, event.name):
        raise Refused(None, event.data)
    return event.data if isinstance(event.data, dict) else None


async def events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    """The events in these bytes, without comments and events that have no data.

    The last one is `DONE` where the stream ended with `[DONE]`. Raises `Refused` for a page of HTML, for other text that holds
    no answer, and for an event of more than 8 MiB.
    """
    start = b""
    async for piece in pieces:
        start += piece
        if len(start) < len(_BOM) and _BOM.startswith(start):
            continue
        start = start.removeprefix(_BOM).lstrip()
        if start:
            break
    rest = _prepended(start.removeprefix(_BOM), pieces)
    match start[:1]:
        case b"":
            return
        case b"{" | b"[":
            kind = _documents(rest)
        case b"<":
            raise Refused(None, await _read_text(rest))
        case _:
            kind = _server_sent(rest)
    async with contextlib.aclosing(kind) as events:
        async for event in events:
            yield event


async def _prepended(start: bytes, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield start
    async for piece in pieces:
        yield piece


async def _server_sent(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    import httpx2

    # The decoder requires a content type. The last event of a stream may lack its empty line.
    response = httpx2.Response(
        200,
        headers={"content-type": "text/event-stream; charset=utf-8"},
        content=_with_end(pieces),
        request=httpx2.Request("POST", "http://localhost"),
    )
    other_text = ""
    has_json = broken = False
    try:
        async for event in httpx2.EventSource(response, max_event_size=LARGEST):
            text = event.data.strip()
            name = "" if event.event == "message" else event.event
            if text.startswith("[DONE]"):
                yield DONE
                # A connection is reused only if its answer was read to the end.
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(_DRAIN):
                        async for _ in pieces:
                            pass
                return
            if text[:1] not in ("{", "["):
                other_text = other_text or text[:1000]
                if name == "error" and text:
                    raise Refused(None, text)
                continue
            if broken:
                raise Refused(None, _UNREADABLE)
            has_json = True
            if (data := _try_parse(text)) is _NOTHING:
                broken = True  # only an error if more events follow: a stream that was cut off may end so
                continue
            yield Event(name, data)
    except httpx2.SSEError:
        raise Refused(None, f"It sent an event of more than {LARGEST >> 20} MiB.") from None
    if other_text and not has_json:
        raise Refused(None, other_text)


async def _with_end(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        yield piece
    yield b"\n\n"


async def _documents(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    """Lines that are one JSON object each, as they come, or one document of many lines (or without a line end) at the end."""
    buffer = bytearray()
    lines = 0
    first = True
    async for piece in pieces:
        buffer += piece
        if len(buffer) > LARGEST:
            raise Refused(None, f"It sent a line of more than {LARGEST >> 20} MiB.")
        while (first or lines) and (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end]).strip()
            if first and _try_parse(line) is _NOTHING:
                first = False  # the first line is not a complete object: everything is one document
                break
            del buffer[: end + 1]
            if line:
                yield Event("", _parsed(line.decode("utf-8", "replace")))
                lines += 1
    rest = buffer.decode("utf-8", "replace").strip()
    if not rest:
        return
    document = _parsed(rest)
    if isinstance(document, list):
        for one in document:
            yield Event("", one, whole=not lines and len(document) == 1)
        return
    yield Event("", document, whole=not lines)


def _try_parse(text: str | bytes) -> Any:
    """The JSON value, or `_NOTHING` for text that is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOTHING


def _parsed(text: str) -> Any:
    if (data := _try_parse(text)) is _NOTHING:
        raise Refused(None, _UNREADABLE)
    return data


async def _read_text(pieces: AsyncIterator[bytes]) -> str:
    read = bytearray()
    async for piece in pieces:
        read += piece
        if len(read) > 1 << 16:
            break
    return read[: 1 << 16].decode("utf-8", "replace")
