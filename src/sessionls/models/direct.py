"""Models that are asked directly over HTTP: those of OpenAI's interface and its imitators, Anthropic's, and Ollama's."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydantic_core import to_json

from sessionls.domain.errors import ModelUnavailable
from sessionls.models.answers import Event, events
from sessionls.models.anthropic_request import anthropic_body, anthropic_headers, anthropic_url
from sessionls.models.anthropic_stream import AnthropicReader
from sessionls.models.failures import RequestInfo, cut
from sessionls.models.http import Connections, Refused
from sessionls.models.kept_messages import KeptMessages
from sessionls.models.naming import Naming
from sessionls.models.native import native_from
from sessionls.models.ollama_lane import OllamaReader, ollama_body, ollama_url
from sessionls.models.openai_request import openai_body, openai_headers, openai_url
from sessionls.models.openai_stream import OpenAIReader
from sessionls.models.prices import Counted, usage_of
from sessionls.models.provider_errors import read_error
from sessionls.models.refusals import Form, changed, notices_of, remember, remembered, without_refused
from sessionls.models.responses_request import responses_body, responses_url
from sessionls.models.responses_stream import ResponsesReader
from sessionls.models.step import Reading
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest

__all__ = ["ask_directly"]

_MANY = 64  # messages: above it a request is put together in a thread
_WITHOUT_RESPONSES: set[str] = set()  # addresses of servers that have no Responses
_MESSAGES = KeptMessages()
_TURN = 0.004  # seconds of reading, after which other tasks of the event loop get to run


class _Reader(Protocol):
    @property
    def counted(self) -> Counted | None: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def native(self) -> Any: ...
    def read(self, event: Event) -> None: ...


async def ask_directly(
    connections: Connections, naming: Naming, target: Target, asked: RequestInfo, reading: Reading, alive: Callable[[], None]
) -> None:
    """One step, read into `reading` to its end. `alive` is called with whatever comes from the provider.

    What the provider refuses is left out, and the request is sent again. Raises `Refused`, `ModelUnavailable`, and what httpx2
    raises.
    """
    if target.lane == "responses" and target.base in _WITHOUT_RESPONSES:
        target = replace(target, lane="openai")
    forms = remembered(target.base, target.model)
    headers = _headers(target, asked)
    while True:
        url = _url(target)
        if len(naming.messages) > _MANY:
            data = await asyncio.to_thread(_data, naming, target, forms)
        else:
            data = _data(naming, target, forms)
        reader = _reader(target, reading)
        try:
            async with connections.post(url, data, headers) as response:
                alive()
                await _read(events(_pieces(response.aiter_bytes(), alive)), reader, reading, target, forms)
        except Refused as refusal:
            if target.lane == "responses" and not target.is_own and refusal.status in (404, 405, 501) and not reading.started:
                # Not every server with OpenAI's interface has this one.
                _WITHOUT_RESPONSES.add(target.base)
                target = replace(target, lane="openai")
                continue
            body = await asyncio.to_thread(_body, naming.request, target, forms)
            form = None if reading.started else without_refused(read_error(refusal.body, refusal.status), body, forms)
            if form is None:
                raise
            forms = [*forms, form]
            continue
        if not reader.is_complete:
            raise cut(asked, started=reading.started)
        usage = usage_of(reader.counted, target.provider, target.row)
        reading.end(usage, native_from(target.source, reader.native), notices_of(forms, asked.model))
        return


async def _read(
    events_: AsyncGenerator[Event, None], reader: _Reader, reading: Reading, target: Target, forms: list[Form]
) -> None:
    loop = asyncio.get_running_loop()
    busy_since, accepted = loop.time(), False
    async with contextlib.aclosing(events_):
        async for event in events_:
            before = reading.started
            reader.read(event)
            if not accepted:
                accepted = True
                remember(target.base, target.model, forms)
            if reading.started is not before or loop.time() - busy_since > _TURN:
                # Reading events that have already arrived does not yield to the event loop: let other tasks run.
                await asyncio.sleep(0)
                busy_since = loop.time()


async def _pieces(pieces: AsyncIterator[bytes], alive: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        alive()
        yield piece


def _data(naming: Naming, target: Target, forms: list[Form]) -> bytes:
    """The request's body as it is sent."""
    if target.lane == "openai" and not forms:
        with contextlib.suppress(ValueError):
            return _continued(naming, target)
    return _json(_body(naming.request, target, forms))


def _continued(naming: Naming, target: Target) -> bytes:
    """The same for OpenAI's interface, with the JSON of earlier requests for the messages that they have in common."""
    request = naming.request_of(())
    body = openai_body(request, target)
    del body["messages"]
    key = (target.provider, target.model, target.base, json.dumps(target.row, sort_keys=True), request.reasoning_effort)

    def convert(messages: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        converted: Sequence[Any] = openai_body(naming.request_of(messages), target)["messages"]
        return converted

    return _MESSAGES.to_json(key, naming.messages, convert, to_json(body)[:-1] + b',"messages":[', b"]}")


def _body(request: ModelRequest, target: Target, forms: list[Form]) -> dict[str, Any]:
    match target.lane:
        case "anthropic":
            body = anthropic_body(request, target)
        case "ollama":
            body = ollama_body(request, target)
        case "responses":
            body = responses_body(request, target)
        case _:
            body = openai_body(request, target)
    return changed(body, forms)


def _json(body: Mapping[str, Any]) -> bytes:
    try:
        return to_json(body)  # twenty times as fast as Python's own
    except (ValueError, TypeError):  # half a surrogate pair
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _url(target: Target) -> str:
    match target.lane:
        case "anthropic":
            return anthropic_url(target.base)
        case "ollama":
            return ollama_url(target.base)
        case "responses":
            return responses_url(target.base)
        case _:
            return openai_url(target.base)


def _headers(target: Target, asked: RequestInfo) -> Mapping[str, str]:
    if target.key is not None and not (target.key.isascii() and target.key.isprintable()):
        raise ModelUnavailable(
            f"The key for {asked.where} contains characters that a key cannot have.",
            hint=f"Set {asked.key or 'the key'} again, without quotes, spaces and line ends.",
            reason="unauthorized",
            model=asked.model,
        )
    match target.lane:
        case "anthropic":
            return anthropic_headers(target)
        case "ollama":
            return {}
        case _:
            return openai_headers(target)


def _reader(target: Target, reading: Reading) -> _Reader:
    match target.lane:
        case "anthropic":
            return AnthropicReader(reading)
        case "ollama":
            return OllamaReader(reading)
        case "responses":
            return ResponsesReader(reading)
        case _:
            return OpenAIReader(reading)
