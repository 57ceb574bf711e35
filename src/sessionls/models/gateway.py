"""Every model through one door: streaming, retries before the first word, a watchdog, errors in our words, usage and cost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.models import library, providers
from sessionls.models.choice import Choice
from sessionls.models.chunks import chunks
from sessionls.models.embedded import WINDOW, Embedded
from sessionls.models.failures import Asked, cut, explain, is_passing, stalled
from sessionls.models.naming import Naming
from sessionls.models.step import Reading
from sessionls.sessions.errors import ModelUnavailable
from sessionls.sessions.model import ModelInfo
from sessionls.sessions.ports import ModelOutput, ModelRequest

__all__ = ["Gateway", "Limits"]

_OLLAMA_WINDOW = 16_384  # tokens: asked of Ollama with each call, since its own default cuts a message without a word
_EMBEDDED_REPLY = 1024  # tokens
# Their streams say why they end: one that ends without a reason was cut, however cleanly its connection was closed.
_SAY_WHY = ("openai/", "anthropic/", "ollama_chat/")


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: how long a model may say nothing before its first word (a model that reasons, or that runs on this machine's
    processors, longer) and between two. `retries` are made before the first word only, after `backoff` · 2ⁿ seconds or after
    what the provider says, where that is not more than `longest_wait`.
    """

    first: float = 120
    first_slow: float = 600
    between: float = 60
    retries: int = 3
    backoff: float = 0.5
    longest_wait: float = 30


class Gateway:
    """`ports.Models` over litellm. `default` is the setting (SESSIONLS_MODEL and the like), `embedded` None: switched off.

    Nothing is kept from one request for the next but open connections.
    """

    def __init__(
        self,
        default: str | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        embedded: Embedded | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._environ = environ
        self._embedded = embedded
        self._limits = limits
        self._choice = Choice(default, environ, embedded)
        self._holding = False

    def warm(self) -> None:
        """Begin to import litellm in the background (seconds of work). Returns at once."""
        library.warm()

    async def close(self) -> None:
        """End the embedded model and close the connections kept open."""
        if self._embedded is not None:
            await self._embedded.close()
        if self._holding:
            self._holding = False
            await library.release()

    async def choose(self, preferences: Sequence[str]) -> str:
        """As `ports.Models.choose`. Needs no litellm, except for a provider outside our table."""
        return await self._choice.choose(preferences)

    async def list(self) -> list[ModelInfo]:
        rows = await self._choice.list()
        windows = {row.name: self.window(row.name) for row in rows if row.available}
        return [row.model_copy(update={"context_window": windows.get(row.name)}) for row in rows]

    def window(self, model: str) -> int | None:
        """Tokens that the model can take in; None where that is not known, also as long as litellm is not there."""
        provider = providers.known_provider(model)
        if provider == "embedded":
            return WINDOW
        if provider == "ollama":
            return self._ollama_window()
        module = library.loaded()
        if module is None:
            return None
        with contextlib.suppress(Exception):  # it raises its base class for a model that it does not know
            found = module.get_model_info(model).get("max_input_tokens")
            return int(found) if found else None
        return None

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:
        """As `ports.Models.stream`. Ending the iteration early (`aclose`, cancellation) closes the connection at once."""
        reading, naming = Reading(), Naming(request)
        pump = asyncio.create_task(self._pump(naming.request, reading), name=f"model {request.model}")
        pump.add_done_callback(reading.wake)
        try:
            while not pump.done():
                await reading.something()
                for output in reading.take():
                    yield naming.back(output)
            for output in reading.take():
                yield naming.back(output)
            pump.result()
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    async def _pump(self, request: ModelRequest, reading: Reading) -> None:
        """Ask, again where that may help and nothing was said yet, and hand on what is said."""
        for attempt in range(self._limits.retries + 1):
            asked = Asked(request.model, providers.known_provider(request.model) or "")
            try:
                asked, arguments = await self._arguments(request)
                return await self._attempt(await library.load(), arguments, asked, reading, self._patience(request))
            except Exception as error:  # noqa: BLE001 (explained, whatever it is)
                problem = explain(error, asked, started=reading.started)
                wait = self._wait(problem, attempt)
                if wait is None or reading.started:
                    # Its cause would carry what the provider said unscrubbed into a traceback.
                    raise problem from None
            await asyncio.sleep(wait)
        raise AssertionError

    async def _attempt(self, module: Any, arguments: Mapping[str, Any], asked: Asked, reading: Reading, patience: float) -> None:
        loop = asyncio.get_running_loop()
        stream: Any = None
        if not self._holding:
            self._holding = True
            library.hold()
        try:
            library.know_ollama(module, arguments["model"])
            # `timeout` is litellm's own, which does not end a stall in every stream: ours comes first.
            longest = max(patience, self._limits.between) + 30
            async with asyncio.timeout(patience) as watchdog:
                stream = await module.acompletion(**arguments, timeout=longest)
                busy_since = loop.time()
                async with contextlib.aclosing(chunks(stream)) as told:
                    async for chunk in told:
                        reading.read(chunk)
                        now = loop.time()
                        watchdog.reschedule(now + (self._limits.between if reading.started else patience))
                        if now - busy_since > 0.004 or reading.is_first:
                            # Chunks that are there already are not waited for: let the others on this loop have their turn.
                            await asyncio.sleep(0)
                            busy_since = loop.time()
            # The stream knows whether it was told a reason to end; the one that it hands on is made up where it was not.
            if arguments["model"].startswith(_SAY_WHY) and getattr(stream, "received_finish_reason", "") is None:
                raise cut(asked, started=reading.started)
            reading.end(module, arguments["model"])
        except TimeoutError:
            raise stalled(asked, started=reading.started) from None
        finally:
            if stream is not None:
                # Leaving the loop does not close the connection.
                await asyncio.shield(asyncio.create_task(_close(stream)))

    def _wait(self, problem: ModelUnavailable, attempt: int) -> float | None:
        """Seconds until it is worth another try; None where it is not."""
        limits = self._limits
        if not is_passing(problem) or attempt >= limits.retries:
            return None
        if problem.retry_after is not None:
            return problem.retry_after if problem.retry_after <= limits.longest_wait else None
        return limits.backoff * float(2**attempt) * random.uniform(0.75, 1.25)  # noqa: S311 (no secret depends on it)

    def _patience(self, request: ModelRequest) -> float:
        slow = providers.known_provider(request.model) in ("embedded", "ollama") or request.reasoning_effort in ("medium", "high")
        return self._limits.first_slow if slow else self._limits.first

    async def _arguments(self, request: ModelRequest) -> tuple[Asked, dict[str, Any]]:
        """What litellm is called with. Raises `ModelUnavailable` where the model cannot be asked at all."""
        problem = await self._choice.problem(request.model)
        if problem is not None:
            raise problem
        arguments: dict[str, Any] = {
            "model": request.model,
            "messages": [_without_native_reasoning(message) for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "drop_params": True,
            "num_retries": 0,
            "max_retries": 0,
        }
        given = {
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "reasoning_effort": request.reasoning_effort,
            "tools": [_copied(tool) for tool in request.tools] or None,
            "tool_choice": "required" if request.tools and request.must_call else None,
        }
        arguments.update({name: value for name, value in given.items() if value is not None})
        name = providers.known_provider(request.model) or request.model.partition("/")[0]
        key_name = base = None
        if name == "embedded":
            assert self._embedded is not None
            address = await self._embedded.address()
            arguments.pop("tools", None)
            arguments.pop("tool_choice", None)
            arguments.pop("reasoning_effort", None)
            arguments.setdefault("max_tokens", _EMBEDDED_REPLY)
            arguments.update(model=f"openai/{request.model.partition('/')[2]}", api_base=address.base, api_key=address.key)
            base = address.base
        elif name == "ollama":
            base = self._choice.ollama_base
            model = f"ollama_chat/{request.model.partition('/')[2]}"
            arguments.update(model=model, api_base=base, num_ctx=self._ollama_window())
        elif name in providers.PROVIDERS:
            provider = providers.PROVIDERS[name]
            key_name, base = provider.keys[0], provider.base(self._environ)
            arguments["api_key"] = provider.key(self._environ) or "none"
            if base is not None:
                arguments["api_base"] = base
            if "/" not in request.model:
                arguments["model"] = f"{name}/{request.model}"
            if name == "anthropic":
                _ask_to_keep(arguments["messages"])
        hidden = [*providers.secrets(self._environ), arguments.get("api_key", "")]
        return Asked(request.model, name, key_name, base, [secret for secret in hidden if len(secret) >= 6]), arguments

    def _ollama_window(self) -> int:
        told = self._environ.get("OLLAMA_CONTEXT_LENGTH", "")
        return int(told) if told.isdecimal() and int(told) > 0 else _OLLAMA_WINDOW


def _without_native_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the message, since litellm changes what it is given, without what belongs to one provider."""
    return {name: _copied(value) for name, value in message.items() if name != "native_reasoning"}


def _copied(value: Any) -> Any:
    """A copy of JSON data that its taker may change."""
    if isinstance(value, Mapping):
        return {name: _copied(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(inner) for inner in value]
    return value


def _ask_to_keep(messages: Sequence[dict[str, Any]]) -> None:
    """Ask Anthropic to keep what it has read; others do so by themselves. The marks: behind tools and instructions, where
    the request before this one ended, and at the end of this one. (It takes up to four, and looks back 20 blocks from each.)
    """
    last_answer = max((i for i, message in enumerate(messages) if message["role"] == "assistant"), default=0)
    for i in {0, max(last_answer - 1, 0), len(messages) - 1}:
        messages[i]["cache_control"] = {"type": "ephemeral"}


async def _close(stream: Any) -> None:
    """Close the stream and the connection behind it."""
    # The streams of Anthropic and Gemini have no `aclose` of their own, only the lines that they read.
    lines: Any = getattr(getattr(stream, "completion_stream", None), "streaming_response", None)
    for closing in (stream, lines):
        with contextlib.suppress(Exception):
            await closing.aclose()
