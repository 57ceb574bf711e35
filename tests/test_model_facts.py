"""What is known of models without litellm: windows, prices, and what is imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from model_server import ModelServer
from reference_models import KEY, MODELS
from sessionls.models.catalog import Catalog
from sessionls.models.gateway import Gateway
from sessionls.models.library import load
from sessionls.models.prices import Counted, usage_of
from sessionls.models.providers import PROVIDERS


@pytest.mark.usefixtures("litellm_ready")
async def test_context_windows_and_prices_equal_those_of_litellm() -> None:
    module = await load()
    offered = [name for provider in PROVIDERS.values() for name in provider.models]
    gateway = Gateway(environ={})
    catalog = Catalog()
    for name in [*offered, *MODELS, "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", "gemini/gemini-2.5-pro"]:
        provider, _, model = name.partition("/")
        await catalog.learn([(provider, model)])
        try:
            window = module.get_model_info(name).get("max_input_tokens")
        except Exception:  # noqa: BLE001
            continue
        row = catalog.row(provider, model)
        assert row.get("max_input_tokens") == window, name
        for counted in (Counted(1000, 100), Counted(1000, 100, cached=400), Counted(400_000, 3000, cached=1000, written=500)):
            told = module.Usage(
                prompt_tokens=counted.input,
                completion_tokens=counted.output,
                prompt_tokens_details={"cached_tokens": counted.cached, "cache_creation_tokens": counted.written},
            )
            reference = sum(module.cost_per_token(model=name, usage_object=told))
            usage = usage_of(counted, provider, row)
            # (Of a model that it knows by its family alone litellm says that it costs nothing.)
            assert usage is not None and usage.cost == (pytest.approx(reference, rel=1e-9) if reference else None), name
    await gateway.close()


async def test_an_unknown_model_uses_the_values_of_its_family() -> None:
    catalog = Catalog()
    await catalog.learn([("anthropic", "claude-opus-7"), ("openai", "gpt-9"), ("openai", "my-own"), ("", "nonsense")])
    assert catalog.row("anthropic", "claude-opus-7")["supports_adaptive_thinking"]
    assert catalog.row("openai", "gpt-9")["supports_reasoning"]
    assert not catalog.row("openai", "my-own") and not catalog.row("", "nonsense")


def test_off_peak_prices_apply_only_off_peak() -> None:
    from sessionls.models.prices import _cost

    windows = [{"hours_utc": "16:00-00:30", "weekdays": [1]}, {"hours_utc": ["04:00-05:00"], "weekdays": [2]}]
    row = {
        "input_cost_per_token": 2.0,
        "output_cost_per_token": 0.0,
        "off_peak_pricing": {"input_cost_per_token": 1.0, "windows": windows},
    }
    monday, tuesday = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
    found = [
        _cost(Counted(1, 1), "x", row, moment)
        for moment in (monday.replace(hour=17), monday.replace(hour=12), tuesday.replace(hour=4), tuesday.replace(hour=17))
    ]
    assert found == [1.0, 2.0, 1.0, 2.0]


_WITHOUT_LITELLM = """
import asyncio, sys
from sessionls.models.gateway import Gateway
from sessionls.ports.models import ModelRequest, StepEnd

async def main() -> None:
    gateway = Gateway()
    gateway.warm()
    await asyncio.sleep(0.5)
    for model in sys.argv[1:]:
        assert await gateway.choose([model]) == model
        outputs = [output async for output in gateway.stream(ModelRequest(model, [{"role": "user", "content": "say: hello"}]))]
        assert isinstance(outputs[-1], StepEnd), outputs
    assert gateway.window("openai/gpt-4o-mini") == 128000
    assert any(row.available for row in await gateway.list())
    await gateway.close()
    loaded = {name.partition(".")[0] for name in sys.modules} & {"litellm", "openai", "httpx", "tiktoken", "aiohttp"}
    assert not loaded, loaded

asyncio.run(main())
"""


def test_direct_requests_do_not_load_litellm(model_server: ModelServer) -> None:
    model_server.ollama = ["qwen3"]
    bases = {"OPENAI_API_BASE": model_server.openai, "ANTHROPIC_API_BASE": model_server.url, "OLLAMA_API_BASE": model_server.url}
    environ = {**os.environ, **bases, "OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GROQ_API_KEY": KEY}
    environ["GROQ_API_BASE"] = model_server.openai
    models = ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "ollama/qwen3", "groq/openai/gpt-oss-120b"]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_LITELLM, *models], env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


_NOTHING_LATE = """
import asyncio, sys
from sessionls.models.http import Connections

async def main() -> None:
    async def answer(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    connections = Connections()
    await connections.warm(url)
    before = set(sys.modules)
    async with connections.post(url, b"{}", {}) as response:
        await response.aread()
    assert set(sys.modules) == before, set(sys.modules) - before
    await connections.close()
    server.close()

asyncio.run(main())
"""


def test_a_request_imports_nothing_on_the_event_loop() -> None:
    """What httpx2 loads with its first request is loaded before; another version of it may load more."""
    done = subprocess.run([sys.executable, "-c", _NOTHING_LATE], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
