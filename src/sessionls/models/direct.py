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
from sessionls.models.refusals import RequestChange, apply_changes, next_change, notices_for, remember_changes, remembered_changes
from sessionls.models.responses_request import responses_body, responses_url
from sessionls.models.responses_stream import ResponsesReader
from sessionls.models.step import StepBuilder
from sessionls.models.targets import Target
from sessionls.ports.models import ModelRequest

__all__ = ["ask_directly"]

_LONG_REQUEST = 64  # messages: longer requests are built in a thread
_SERVERS_WITHOUT_RESPONSES: set[str] = set()  # addresses of servers without OpenAI's Responses interface
_MESSAGE_CACHE = KeptMessages()
_LONGEST_TURN = 0.004  # seconds of reading, after which other tasks of the event loop get to run


class _Reader(Protocol):
    @property
    def counted(self) -> Counted | None: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def native(self) -> Any: ...
    def read(self, event: Event) -> None: ...


async def ask_directly(
    connections: Connections,
    naming: Naming,
    target: Target,
    info: RequestInfo,
    step: StepBuilder,
    on_activity: Callable[[], None],
) -> None:
    """Request one step and add its whole output to `step`. `on_activity` is called whenever the provider sends something.

    If the provider refuses an option, the request is changed and sent again. Raises `Refused`, `ModelUnavailable`, and httpx2's
    errors.
    """
    if target.lane == "responses" and target.base in _SERVERS_WITHOUT_RESPONSES:
        target = replace(target, lane="openai")
    changes = remembered_changes(target.base, target.model)
    headers = _headers(target, info)
    while True:
        url = _url(target)
        if len(naming.messages) > _LONG_REQUEST:
            data = await asyncio.to_thread(_encoded_body, naming, target, changes)
        else:
            data = _encoded_body(naming, target, changes)
        reader = _reader(target, step)
        try:
            async with connections.post(url, data, headers) as response:
                on_activity()
                await _read(events(_pieces(response.aiter_bytes(), on_activity)), reader, step, target, changes)
        except Refused as refusal:
            if target.lane == "responses" and not target.is_own and refusal.status in (404, 405, 501) and not step.started:
                # Not every server with OpenAI's interface has this one.
                _SERVERS_WITHOUT_RESPONSES.add(target.base)
                target = replace(target, lane="openai")
                continue
            body = await asyncio.to_thread(_body, naming.request, target, changes)
            change = None if step.started else next_change(read_error(refusal.body, refusal.status), body, changes)
            if change is None:
                raise
            changes = [*changes, change]
            continue
        if not reader.is_complete:
            raise cut(info, started=step.started)
        usage = usage_of(reader.counted, target.provider, target.row)
        step.finish(usage, native_from(target.source, reader.native), notices_for(changes, info.model))
        return


async def _read(
    answer_events: AsyncGenerator[Event, None], reader: _Reader, step: StepBuilder, target: Target, changes: list[RequestChange]
) -> None:
    loop = asyncio.get_running_loop()
    busy_since, accepted = loop.time(), False
    async with contextlib.aclosing(answer_events):
        async for event in answer_events:
            before = step.started
            reader.read(event)
            if not accepted:
                accepted = True
                remember_changes(target.base, target.model, changes)
            if step.started is not before or loop.time() - busy_since > _LONGEST_TURN:
                # Reading events that have already arrived does not yield to the event loop: let other tasks run.
                await asyncio.sleep(0)
                busy_since = loop.time()


async def _pieces(pieces: AsyncIterator[bytes], on_activity: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        on_activity()
        yield piece


def _encoded_body(naming: Naming, target: Target, changes: list[RequestChange], cache: KeptMessages = _MESSAGE_CACHE) -> bytes:
    """The request's body as bytes."""
    if target.lane == "openai" and not changes:
        with contextlib.suppress(ValueError):
            return _encoded_with_cache(naming, target, cache)
    return _json(_body(naming.request, target, changes))


def _encoded_with_cache(naming: Naming, target: Target, cache: KeptMessages) -> bytes:
    """The body for OpenAI's interface. The JSON of messages that earlier requests had, too, is reused."""
    request = naming.request_of(())
    body = openai_body(request, target)
    del body["messages"]
    key = (target.provider, target.model, target.base, json.dumps(target.row, sort_keys=True), request.reasoning_effort)

    def convert(messages: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        converted: Sequence[Any] = openai_body(naming.request_of(messages), target)["messages"]
        return converted

    return cache.to_json(key, naming.messages, convert, to_json(body)[:-1] + b',"messages":[', b"]}")


def _body(request: ModelRequest, target: Target, changes: list[RequestChange]) -> dict[str, Any]:
    match target.lane:
        case "anthropic":
            body = anthropic_body(request, target)
        case "ollama":
            body = ollama_body(request, target)
        case "responses":
            body = responses_body(request, target)
        case _:
            body = openai_body(request, target)
    return apply_changes(body, changes)


def _json(body: Mapping[str, Any]) -> bytes:
    try:
        return to_json(body)  # twenty times as fast as `json.dumps`
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


def _headers(target: Target, info: RequestInfo) -> Mapping[str, str]:
    if target.key is not None and not (target.key.isascii() and target.key.isprintable()):
        raise ModelUnavailable(
            f"The key for {info.where} contains characters that a key cannot have.",
            hint=f"Set {info.key or 'the key'} again, without quotes, spaces and line ends.",
            reason="unauthorized",
            model=info.model,
        )
    match target.lane:
        case "anthropic":
            return anthropic_headers(target)
        case "ollama":
            return {}
        case _:
            return openai_headers(target)


def _reader(target: Target, step: StepBuilder) -> _Reader:
    match target.lane:
        case "anthropic":
            return AnthropicReader(step)
        case "ollama":
            return OllamaReader(step)
        case "responses":
            return ResponsesReader(step)
        case _:
            return OpenAIReader(step)
