"""Calls models through the gateway, on the tests' model server."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from model_server import ModelServer
from sessionls.domain.errors import ModelUnavailable
from sessionls.models.gateway import Gateway, Limits
from sessionls.ports.models import ModelOutput, ModelRequest, TextDelta

__all__ = [
    "ALL",
    "ANTHROPIC",
    "KEY",
    "OLLAMA",
    "OPENAI",
    "QUICK",
    "Make",
    "environ",
    "failure",
    "free_port",
    "make",
    "outputs",
    "request",
    "text_of",
]


OPENAI, ANTHROPIC, OLLAMA = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "ollama/qwen3"
ALL = pytest.mark.parametrize("model", [OPENAI, ANTHROPIC, OLLAMA])
KEY = "sk-proj-0123456789abcdef"
QUICK = Limits(first=20, first_slow=20, between=20, retries=2, backoff=0.001)


def environ(server: ModelServer) -> dict[str, str]:
    server.ollama = ["qwen3"]
    return {
        "OPENAI_API_KEY": KEY,
        "OPENAI_API_BASE": server.openai,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_API_BASE": server.url,
        "OLLAMA_API_BASE": server.url,
    }


Make = Callable[..., Gateway]


@pytest.fixture
async def make(model_server: ModelServer) -> AsyncIterator[Make]:
    made: list[Gateway] = []

    def gateway(limits: Limits = QUICK, **changed: str) -> Gateway:
        made.append(Gateway(environ={**environ(model_server), **changed}, limits=limits))
        return made[-1]

    yield gateway
    for gateway_ in made:
        await gateway_.close()


def request(model: str = OPENAI, text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest(model, [{"role": "user", "content": text}], **more)


async def outputs(gateway: Gateway, asked: ModelRequest) -> list[ModelOutput]:
    return [output async for output in gateway.stream(asked)]


def text_of(given: list[ModelOutput]) -> str:
    return "".join(output.text for output in given if isinstance(output, TextDelta))


async def failure(gateway: Gateway, asked: ModelRequest) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as raised:
        await outputs(gateway, asked)
    assert raised.value.hint
    return raised.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
