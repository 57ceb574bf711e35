"""Loads litellm late and off the event loop, and silences its output."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from concurrent.futures import Future
from typing import Any

from sessionls.domain.errors import ModelUnavailable
from sessionls.importing import gc_paused

__all__ = ["hold", "know_ollama", "load", "loaded", "release", "warm"]

# What litellm reads while it is imported.
_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else its table of models is fetched from the network
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_MODE": "PRODUCTION",  # else it loads any `.env` file it finds into the environment, also a workspace's
    "LITELLM_LOG": "ERROR",
}

_MOMENT = 0.1  # seconds

_lock = threading.Lock()
_loading: Future[Any] | None = None
_holders = 0


def warm() -> None:
    """Begin to import litellm in a thread in a moment, once for the process. Returns at once; called on an event loop.

    The import starts a moment later: it blocks the interpreter, and the caller is answering a request now.
    """
    if _loading is None:
        asyncio.get_running_loop().call_later(_MOMENT, _future)


async def load() -> Any:
    """The module `litellm`, ready for a first call. Raises `ModelUnavailable` where it cannot be imported."""
    future = _future()
    try:
        return await asyncio.shield(asyncio.wrap_future(future))
    except asyncio.CancelledError:
        raise
    except Exception as error:
        _forget(future)
        raise ModelUnavailable(
            "The library that reaches models, litellm, cannot be loaded.",
            hint=f"Reinstall sessionls ({type(error).__name__} while importing litellm).",
            reason="provider",
        ) from error


def loaded() -> Any | None:
    """The module, if it is already imported."""
    future = _loading
    return future.result() if future is not None and future.done() and future.exception() is None else None


def know_ollama(library: Any, model: str) -> None:
    """Add an Ollama model to litellm's table: for an unknown one litellm asks Ollama with each call, and blocks."""
    if model.startswith("ollama_chat/"):
        price = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
        about = {"litellm_provider": "ollama_chat", "mode": "chat", "supports_function_calling": True}
        library.model_cost.setdefault(model, {**about, **price})


def hold() -> None:
    """Count one more user of litellm's connections."""
    global _holders
    _holders += 1


async def release() -> None:
    """Count one user less; with the last one, litellm's open connections are closed."""
    global _holders
    _holders -= 1
    library = loaded()
    if library is not None and _holders == 0:
        await _close(library)


def _future() -> Future[Any]:
    global _loading
    with _lock:
        if _loading is None:
            future: Future[Any] = Future()
            _loading = future
            threading.Thread(target=_import, args=(future,), name="sessionls-litellm", daemon=True).start()
        return _loading


def _forget(future: Future[Any]) -> None:
    """Let a later call try again what failed."""
    global _loading
    with _lock:
        if _loading is future:
            _loading = None


def _import(future: Future[Any]) -> None:
    try:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        _reach_loopback_directly()
        with gc_paused():
            import litellm

        litellm.suppress_debug_info = True  # else it prints to stdout, which is the wire
        litellm.telemetry = False
        # Else it treats a model that repeats itself a hundred times as broken.
        litellm.REPEATED_STREAMING_CHUNK_LIMIT = 1 << 31
        # If a provider reports no usage, or a stream breaks, litellm counts tokens on the event loop, with a tokenizer that it
        # loads first: that blocks for a second, for a number that we do not use.
        litellm.disable_token_counter = True
        # Allows a transcript with tool calls for a model without tools, and one without reasoning for a model that reasons.
        litellm.modify_params = True
        logging.getLogger("LiteLLM").setLevel(logging.ERROR)
        with contextlib.suppress(Exception):
            asyncio.run(_rehearse(litellm))
    except BaseException as error:  # noqa: BLE001 (whoever waits for the import gets it)
        future.set_exception(error)
    else:
        future.set_result(litellm)


def _reach_loopback_directly() -> None:
    """Use no proxy for this machine, where the embedded model and Ollama answer."""
    if not any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in os.environ):
        return
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1"]))


async def _rehearse(library: Any) -> None:
    """Make one call to a local server of ours: the first one imports modules and reads certificates for 0.5 s or more."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Exception):
            await reader.readuntil(b"\r\n\r\n")
            delta = b'data: {"id":"x","object":"chat.completion.chunk","created":0,"model":"x","choices":[{"index":0,"delta":'
            body = delta + b'{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            writer.write(head % len(body) + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        for model in ("openai/x", "anthropic/x"):
            with contextlib.suppress(Exception):
                async with asyncio.timeout(10):
                    stream = await library.acompletion(
                        model=model,
                        messages=[{"role": "user", "content": "x"}],
                        api_base=base,
                        api_key="x",
                        stream=True,
                        stream_options={"include_usage": True},
                        num_retries=0,
                        max_retries=0,
                    )
                    async for _ in stream:
                        pass
                    await stream.aclose()
        await asyncio.sleep(0)
    finally:
        server.close()
        await _close(library)


async def _close(library: Any) -> None:
    with contextlib.suppress(Exception):
        await library.close_litellm_async_clients()
        library.in_memory_llm_clients_cache.flush_cache()
    with contextlib.suppress(Exception):
        # litellm's own function does not close this client; litellm creates a new one on demand.
        client = vars(library).pop("module_level_aclient", None)
        if client is not None:
            await client.close()
