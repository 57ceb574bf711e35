"""The gateway to all models: streaming, retries before the first output, a watchdog, readable errors, usage and cost."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sessionls.domain.errors import ModelUnavailable
from sessionls.domain.model import ModelInfo
from sessionls.models import library, providers
from sessionls.models.catalog import Catalog
from sessionls.models.choice import Choice
from sessionls.models.direct import ask_directly
from sessionls.models.embedded import WINDOW, Embedded
from sessionls.models.failures import RequestInfo, explain, is_passing, stalled
from sessionls.models.http import Connections
from sessionls.models.litellm_lane import ask_litellm
from sessionls.models.naming import Naming
from sessionls.models.step import StepBuilder
from sessionls.models.targets import Target
from sessionls.models.vision import image_support_of
from sessionls.ports.models import ImageSupport, ModelOutput, ModelRequest

__all__ = ["Gateway", "Limits"]

_OLLAMA_WINDOW = 16_384  # tokens: requested from Ollama with each call, since its default silently truncates messages
_EMBEDDED_REPLY = 1024  # tokens
_WARM_DELAY = 0.1  # seconds
# `litellm`: every model is asked through litellm.
_LANE = "SESSIONLS_MODEL_LANE"


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts in seconds. `first`: until a model's first output (`first_slow` if it reasons or runs on this machine);
    `between`: the longest silence after that. Retries are made before the first output only, after `backoff` · 2ⁿ seconds, or
    after the time that the provider requests if that is at most `longest_wait`.
    """

    first: float = 120
    first_slow: float = 600
    between: float = 60
    retries: int = 3
    backoff: float = 0.5
    longest_wait: float = 30


class Gateway:
    """`ports.Models`. `default` is the setting (SESSIONLS_MODEL and the like), `embedded` is None if the embedded model is
    switched off. Between requests it keeps only open connections, and the options that servers refused.
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
        self._catalog = Catalog()
        self._connections = Connections()
        self._warming: asyncio.Task[None] | None = None
        self._uses_litellm = False

    def warm(self) -> None:
        """Prepare the first request to the default model in the background. Returns at once; called on an event loop."""
        if self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self._warm(), name="warm models")

    async def _warm(self) -> None:
        # Later, because an import blocks the interpreter, and the caller is answering a request now.
        await asyncio.sleep(_WARM_DELAY)
        try:
            model = await self.choose(())
        except ModelUnavailable:
            return
        if self._is_direct(model):
            await self._connections.warm(self._base(providers.known_provider(model) or ""))
        else:
            library.warm()

    async def close(self) -> None:
        """End the embedded model and close the connections kept open."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        if self._embedded is not None:
            await self._embedded.close()
        await self._connections.close()
        if self._uses_litellm:
            self._uses_litellm = False
            await library.release()

    async def choose(self, preferences: Sequence[str]) -> str:
        """As `ports.Models.choose`. Needs no litellm, except for a provider outside our table."""
        model = await self._choice.choose(preferences)
        await self._catalog.learn([_split(model)])
        return model

    async def list(self) -> list[ModelInfo]:
        rows = await self._choice.list()
        await self._catalog.learn(_split(row.name) for row in rows if row.available)
        windows = {row.name: self.window(row.name) for row in rows if row.available}
        images = {row.name: self._known_support(row.name).accepted for row in rows if row.available}
        return [row.model_copy(update={"context_window": windows.get(row.name), "images": images.get(row.name)}) for row in rows]

    def window(self, model: str) -> int | None:
        """The model's context window in tokens; None where it is not known, or the model was neither chosen nor listed yet."""
        provider = providers.known_provider(model)
        if provider == "embedded":
            return WINDOW
        if provider == "ollama":
            return self._ollama_window()
        found = self._catalog.row(*_split(model)).get("max_input_tokens")
        return found if isinstance(found, int) and found > 0 else None

    async def image_support(self, model: str) -> ImageSupport:
        """As `ports.Models.image_support`. Ollama is asked about its own models."""
        provider, name = _split(model)
        if provider == "ollama":
            return ImageSupport(await self._choice.ollama_accepts_images(name))
        await self._catalog.learn([(provider, name)])
        return self._known_support(model)

    def _known_support(self, model: str) -> ImageSupport:
        provider, name = _split(model)
        if provider == "embedded":
            return ImageSupport(accepted=False)
        return ImageSupport() if provider == "ollama" else image_support_of(provider, name, self._catalog.row(provider, name))

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelOutput]:
        """As `ports.Models.stream`. Ending the iteration early (`aclose`, cancellation) closes the connection at once."""
        if providers.known_provider(request.model) == "embedded":
            request = replace(
                request, tools=(), must_call=False, reasoning_effort=None, max_tokens=request.max_tokens or _EMBEDDED_REPLY
            )
        naming = Naming(request)
        step = StepBuilder(naming.model_names)
        task = asyncio.create_task(self._ask_with_retries(request, naming, step), name=f"model {request.model}")
        task.add_done_callback(step.wake)
        try:
            while not task.done():
                await step.wait_for_output()
                for output in step.take():
                    yield naming.restore(output)
            for output in step.take():
                yield naming.restore(output)
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ask_with_retries(self, request: ModelRequest, naming: Naming, step: StepBuilder) -> None:
        """Ask the model and add its output to `step`. Retry after a passing failure, unless output has arrived already."""
        for attempt in range(self._limits.retries + 1):
            info = RequestInfo(request.model, providers.known_provider(request.model) or "")
            try:
                info, target = await self._target(request)
                return await self._attempt(naming, target, info, step, self._first_timeout(request))
            except Exception as error:  # noqa: BLE001 (explained, whatever it is)
                problem = explain(error, info, started=step.started)
                wait = self._retry_delay(problem, attempt)
                if wait is None or step.started:
                    # `from None`: the cause has the provider's message, which may contain secrets.
                    raise problem from None
            await asyncio.sleep(wait)
        raise AssertionError

    async def _attempt(self, naming: Naming, target: Target, info: RequestInfo, step: StepBuilder, first_timeout: float) -> None:
        loop = asyncio.get_running_loop()
        # The time it takes to load litellm does not count as the model's silence.
        module = await library.load() if target.lane == "litellm" else None
        # Anything that arrives extends the deadline; without output, only up to `longest_empty` seconds in total.
        seen, longest_empty = 0, max(first_timeout, self._limits.first_slow)
        last_output = loop.time()
        try:
            async with asyncio.timeout(first_timeout) as watchdog:

                def on_activity() -> None:
                    nonlocal seen, last_output
                    now = loop.time()
                    if step.count != seen:
                        seen, last_output = step.count, now
                    silence = now + (self._limits.between if step.started else first_timeout)
                    watchdog.reschedule(min(silence, last_output + longest_empty))

                if module is not None:
                    if not self._uses_litellm:
                        self._uses_litellm = True
                        library.hold()
                    # litellm's timeout does not end every stalled stream: ours fires first.
                    await ask_litellm(
                        module, naming, target, info, step, on_activity, max(first_timeout, self._limits.between) + 30
                    )
                else:
                    await ask_directly(self._connections, naming, target, info, step, on_activity)
        except TimeoutError:
            raise stalled(info, started=step.started) from None

    def _retry_delay(self, problem: ModelUnavailable, attempt: int) -> float | None:
        """Seconds until the next attempt; None if there should be none."""
        limits = self._limits
        if not is_passing(problem) or attempt >= limits.retries:
            return None
        if problem.retry_after is not None:
            return problem.retry_after if problem.retry_after <= limits.longest_wait else None
        return limits.backoff * float(2**attempt) * random.uniform(0.75, 1.25)  # noqa: S311 (no secret depends on it)

    def _first_timeout(self, request: ModelRequest) -> float:
        slow = providers.known_provider(request.model) in ("embedded", "ollama") or request.reasoning_effort in ("medium", "high")
        return self._limits.first_slow if slow else self._limits.first

    async def _target(self, request: ModelRequest) -> tuple[RequestInfo, Target]:
        """How to reach the model. Raises `ModelUnavailable` if it cannot answer."""
        problem = await self._choice.problem(request.model)
        if problem is not None:
            raise problem
        provider, model = _split(request.model)
        await self._catalog.learn([(provider, model)])
        known = providers.PROVIDERS.get(provider)
        key_name = key = custom_base = None
        window = None
        if provider == "embedded":
            assert self._embedded is not None
            address = await self._embedded.address()
            custom_base, key = address.base, address.key
        elif provider == "ollama":
            custom_base, window = self._choice.ollama_base, self._ollama_window()
        elif known is not None:
            key_name, key, custom_base = known.keys[0], known.key(self._environ) or "none", known.base(self._environ)
        row = self._catalog.row(provider, model)
        target = Target(
            lane="litellm" if known is None and provider not in ("embedded", "ollama") else providers.lane(provider),
            provider=provider,
            model=model,
            base=custom_base or (known.url if known is not None else ""),
            key=key,
            row=row,
            is_own=custom_base is None,
            window=window,
            headers=known.more_headers(self._environ) if known is not None else {},
        )
        if not self._is_direct(request.model):
            target = replace(target, lane="litellm")
        elif providers.wants_responses(target, request):
            target = replace(target, lane="responses")
        hidden = [*providers.secrets(self._environ), key or ""]
        return RequestInfo(
            request.model, provider, key_name, custom_base, [secret for secret in hidden if len(secret) >= 6]
        ), target

    def _is_direct(self, model: str) -> bool:
        return self._environ.get(_LANE) != "litellm" and providers.lane(_split(model)[0]) != "litellm"

    def _base(self, provider: str) -> str:
        if provider == "ollama":
            return self._choice.ollama_base
        known = providers.PROVIDERS.get(provider)
        return "http://127.0.0.1" if known is None else known.base(self._environ) or known.url

    def _ollama_window(self) -> int:
        configured = self._environ.get("OLLAMA_CONTEXT_LENGTH", "")
        return int(configured) if configured.isdecimal() and int(configured) > 0 else _OLLAMA_WINDOW


def _split(model: str) -> tuple[str, str]:
    """The provider of a model, and its name there."""
    provider = providers.known_provider(model)
    if provider is None:
        first, slash, rest = model.partition("/")
        return (first, rest) if slash else ("", model)
    return provider, model.partition("/")[2] if "/" in model else model
