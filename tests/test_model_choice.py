"""The choice of the model, and the errors if none is available."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_server import ModelServer
from sessionls.domain.errors import ModelUnavailable
from sessionls.models import weights
from sessionls.models.embedded import Embedded
from sessionls.models.gateway import Gateway
from sessionls.models.providers import PROVIDERS
from sessionls.ports.models import ModelRequest, TextDelta

NOWHERE = {"OLLAMA_API_BASE": "http://127.0.0.1:9"}
EMBEDDED = "embedded/smollm2-135m"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that the embedded model's engine and weights are installed or missing."""

    def installed(*, engine: bool = True, there: bool = True) -> None:
        monkeypatch.setattr(weights, "has_engine", lambda: engine)
        monkeypatch.setattr(weights, "find_weights", lambda *_: Path("model.gguf") if there else None)

    return installed


async def chosen(
    environ: Mapping[str, str], *, default: str | None = None, ask: Sequence[str] = (), embedded: bool = True
) -> str:
    gateway = Gateway(default, environ={**NOWHERE, **environ}, embedded=Embedded(environ=environ) if embedded else None)
    return await gateway.choose(ask)


async def refused(
    environ: Mapping[str, str], *, default: str | None = None, ask: Sequence[str] = (), embedded: bool = True
) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as raised:
        await chosen(environ, default=default, ask=ask, embedded=embedded)
    return raised.value


ALL_KEYS = {key: "key" for provider in PROVIDERS.values() for key in (*provider.keys, *provider.needs)}


@pytest.mark.parametrize(
    ("environ", "default", "expected"),
    [
        (ALL_KEYS, "mistral/mistral-small-latest", "mistral/mistral-small-latest"),
        (ALL_KEYS, None, "anthropic/claude-sonnet-5-5"),
        ({"OPENAI_API_KEY": "k", "XAI_API_KEY": "k"}, None, "openai/gpt-6.1-sol"),
        ({"GEMINI_API_KEY": "k"}, None, "gemini/gemini-pro-latest"),
        ({"GOOGLE_API_KEY": "k"}, None, "gemini/gemini-pro-latest"),
        ({"MISTRAL_API_KEY": "k"}, None, "mistral/mistral-medium-latest"),
        ({"DEEPSEEK_API_KEY": "k"}, None, "deepseek/deepseek-v4-pro"),
        ({"GROQ_API_KEY": "k"}, None, "groq/openai/gpt-oss-120b"),
        ({"OPENROUTER_API_KEY": "k"}, None, "openrouter/openrouter/auto"),
        ({"XAI_API_KEY": "k"}, None, "xai/grok-4.7"),
        ({"OPENAI_API_KEY": ""}, None, EMBEDDED),  # empty counts as not set
        ({"OPENAI_API_BASE": "http://127.0.0.1:1/v1"}, None, EMBEDDED),  # an address alone does not select its models
        ({"AZURE_API_KEY": "k", "AZURE_API_BASE": "https://x"}, None, EMBEDDED),  # whose model names only their owner knows
        ({}, None, EMBEDDED),
    ],
)
async def test_the_default_is_the_setting_or_the_first_key_or_the_embedded_model(
    engine: Callable[..., None], environ: Mapping[str, str], default: str | None, expected: str
) -> None:
    engine()
    assert await chosen(environ, default=default) == expected


class TestOllama:
    async def test_ollama_comes_before_the_embedded_model_and_after_a_key(
        self, engine: Callable[..., None], model_server: ModelServer
    ) -> None:
        engine()
        model_server.ollama = ["nomic-embed-text:latest", "qwen3:8b", "llama3:latest"]
        here = {"OLLAMA_API_BASE": model_server.url}
        assert await chosen(here) == "ollama/qwen3:8b"  # what only embeds cannot answer
        assert await chosen({**here, "GROQ_API_KEY": "k"}) == "groq/openai/gpt-oss-120b"

    async def test_ollama_without_models_is_skipped(self, engine: Callable[..., None], model_server: ModelServer) -> None:
        engine()
        model_server.ollama = []
        assert await chosen({"OLLAMA_API_BASE": model_server.url}) == EMBEDDED

    @pytest.mark.parametrize("name", ["ollama/llama3", "ollama/llama3:latest", "ollama_chat/llama3"])
    async def test_an_installed_ollama_model_can_be_chosen(self, model_server: ModelServer, name: str) -> None:
        model_server.ollama = ["llama3:latest"]
        assert await chosen({"OLLAMA_API_BASE": model_server.url}, ask=[name]) == name

    async def test_a_missing_ollama_model_says_how_to_get_it(self, model_server: ModelServer) -> None:
        model_server.ollama = ["llama3:latest"]
        problem = await refused({"OLLAMA_API_BASE": model_server.url}, ask=["ollama/qwen3"])
        assert problem.reason == "unknownModel" and "ollama pull qwen3" in problem.hint

    @pytest.mark.parametrize("base", ["http://127.0.0.1:9", "nonsense", "http://[", "ftp://127.0.0.1"])
    async def test_ollama_that_does_not_answer_is_explained(self, base: str) -> None:
        problem = await refused({"OLLAMA_API_BASE": base}, ask=["ollama/qwen3"])
        assert problem.reason == "refused" and base in problem.message and "OLLAMA_API_BASE" in problem.hint

    async def test_a_password_in_its_address_is_not_shown(self, model_server: ModelServer) -> None:
        model_server.ollama = ["llama3:latest"]
        for address in ("http://bob:s3cret@127.0.0.1:9/ollama?key=hush", model_server.url.replace("//", "//bob:s3cret@")):
            environ = {"OLLAMA_API_BASE": address}
            problem = await refused(environ, ask=["ollama/qwen3"])
            listed = await Gateway(environ=environ).list()
            told = f"{problem!r} {problem} {problem.wire()} {listed}"
            assert "s3cret" not in told and "hush" not in told and "//127.0.0.1:" in problem.message

    async def test_the_list_of_ollama_is_cached(self, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
        model_server.ollama = ["llama3:latest"]
        gateway = Gateway(environ={"OLLAMA_API_BASE": model_server.url})
        assert await gateway.choose(["ollama/llama3"])
        model_server.ollama = None
        assert await gateway.choose(["ollama/llama3"])
        now = time.monotonic()
        monkeypatch.setattr("sessionls.models.choice.time.monotonic", lambda: now + 60)
        with pytest.raises(ModelUnavailable):
            await gateway.choose(["ollama/llama3"])


class TestPreferences:
    async def test_the_first_available_preference_is_chosen(self) -> None:
        keys = {"OPENAI_API_KEY": "k"}
        assert await chosen(keys, ask=["openai/gpt-4o", "anthropic/claude-sonnet-5-5"]) == "openai/gpt-4o"
        assert await chosen(keys, ask=["anthropic/claude-sonnet-5-5", "gpt-4o"]) == "gpt-4o"

    async def test_preferences_override_the_setting(self) -> None:
        assert await chosen(ALL_KEYS, default="groq/openai/gpt-oss-120b", ask=["xai/grok-4.7"]) == "xai/grok-4.7"

    async def test_if_no_preference_is_available_the_first_says_why(self, engine: Callable[..., None]) -> None:
        engine()
        problem = await refused({"GROQ_API_KEY": "k"}, ask=["anthropic/claude-sonnet-5-5", "openai/gpt-4o"])
        assert (problem.reason, problem.model) == ("noKey", "anthropic/claude-sonnet-5-5")
        assert "Set ANTHROPIC_API_KEY" in problem.hint

    async def test_an_unavailable_setting_is_not_replaced_silently(self, engine: Callable[..., None]) -> None:
        engine()
        problem = await refused({"ANTHROPIC_API_KEY": "k"}, default="openai/gpt-4o")
        assert (problem.reason, problem.model) == ("noKey", "openai/gpt-4o")

    @pytest.mark.parametrize(
        ("model", "missing"),
        [
            ("openai/gpt-4o", "OPENAI_API_KEY"),
            ("o3", "OPENAI_API_KEY"),
            ("claude-opus-5-5", "ANTHROPIC_API_KEY"),
            ("gemini/gemini-pro-latest", "GEMINI_API_KEY"),
            ("openrouter/anthropic/claude-sonnet-4.5", "OPENROUTER_API_KEY"),
            ("azure/mine", "AZURE_API_KEY and AZURE_API_BASE"),
        ],
    )
    async def test_missing_keys_are_named(self, model: str, missing: str) -> None:
        problem = await refused({}, ask=[model])
        assert problem.reason == "noKey" and f"Set {missing} in the environment" in problem.hint

    @pytest.mark.parametrize(
        ("base", "needs_key"),
        [
            ("http://127.0.0.1:8080/v1", False),
            ("http://localhost:8080", False),
            ("http://[::1]:8080", False),
            ("https://models.example.org/v1", True),
            ("http://localhost.example.org", True),
            ("http://127.0.0.1.example.org", True),
            ("nonsense", True),
        ],
    )
    async def test_only_a_server_on_this_machine_needs_no_key(self, base: str, needs_key: bool) -> None:
        environ = {"OPENAI_API_BASE": base}
        if needs_key:
            assert (await refused(environ, ask=["openai/mine"])).reason == "noKey"
        else:
            assert await chosen(environ, ask=["openai/mine"]) == "openai/mine"

    @pytest.mark.usefixtures("litellm_ready")
    async def test_litellm_is_asked_about_providers_outside_the_table(self) -> None:
        assert (await refused({}, ask=["nonsense"])).reason == "unknownModel"
        assert (await refused({}, ask=["no-such-provider/model"])).reason == "unknownModel"
        problem = await refused({}, ask=["cohere/command"])
        assert problem.reason == "noKey" and "COHERE_API_KEY" in problem.hint
        assert await chosen({"COHERE_API_KEY": "k"}, ask=["cohere/command"]) == "cohere/command"
        assert await chosen({}, ask=["bedrock/anthropic.claude"]) == "bedrock/anthropic.claude"  # credentials of the machine

    @pytest.mark.usefixtures("litellm_ready")
    async def test_offered_models_exist_support_tools_and_are_not_deprecated(self) -> None:
        from sessionls.models import library

        table = (await library.load()).model_cost
        today = datetime.now(UTC).date().isoformat()
        for provider in PROVIDERS.values():
            for name in provider.models:
                if provider.prefix == "openrouter":
                    continue  # its router is no model, and in no table
                row = table.get(name) or table[name.partition("/")[2]]
                assert row["mode"] == "chat" and row.get("supports_function_calling"), name
                assert row.get("deprecation_date", "9999") > today, name


class TestNoModel:
    async def test_the_error_lists_all_solutions(self, engine: Callable[..., None]) -> None:
        engine(engine=False)
        problem = await refused({})
        assert problem.reason == "noModel"
        for help_ in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "Ollama", "sessionls[local]", "sessionls doctor"):
            assert help_ in problem.hint

    async def test_missing_weights_are_explained(self, engine: Callable[..., None]) -> None:
        engine(there=False)
        assert "--fetch-model" in (await refused({})).hint
        assert "--fetch-model" in (await refused({}, ask=[EMBEDDED])).hint

    async def test_the_embedded_model_can_be_disabled(self, engine: Callable[..., None]) -> None:
        engine()
        assert (await refused({}, embedded=False)).reason == "noModel"
        assert (await refused({}, ask=[EMBEDDED], embedded=False)).reason == "noModel"

    async def test_an_unknown_embedded_model_is_an_error(self, engine: Callable[..., None]) -> None:
        engine()
        assert (await refused({}, ask=["embedded/other"])).reason == "unknownModel"


class TestList:
    async def test_the_list_shows_available_models_and_why_others_are_not(
        self, engine: Callable[..., None], model_server: ModelServer
    ) -> None:
        engine()
        model_server.ollama = ["llama3:latest"]
        environ = {"OPENAI_API_KEY": "k", "OLLAMA_API_BASE": model_server.url}
        rows = {row.name: row for row in await Gateway(environ=environ, embedded=Embedded(environ=environ)).list()}
        assert rows["openai/gpt-6.1-sol"].available and rows["openai/gpt-6.1-sol"].default
        assert rows["anthropic/claude-sonnet-5-5"].problem == "Set ANTHROPIC_API_KEY."
        assert not rows["anthropic/claude-sonnet-5-5"].available and "anthropic/claude-opus-5-5" not in rows
        assert rows["ollama/llama3:latest"].available
        assert rows[EMBEDDED].available and rows[EMBEDDED].context_window == 8192
        assert [row.name for row in rows.values() if row.default] == ["openai/gpt-6.1-sol"]

    async def test_the_list_shows_what_is_missing_on_this_machine(self, engine: Callable[..., None]) -> None:
        engine(there=False)
        rows = {row.name: row for row in await Gateway(environ=NOWHERE, embedded=Embedded(environ=NOWHERE)).list()}
        assert not any(row.available or row.default for row in rows.values())
        assert "ollama serve" in (rows["ollama"].problem or "") and "--fetch-model" in (rows[EMBEDDED].problem or "")

    async def test_the_list_includes_the_setting_available_or_not(self, engine: Callable[..., None]) -> None:
        engine()
        keys = {**NOWHERE, "GROQ_API_KEY": "k"}
        first, *_ = await Gateway("groq/qwen/qwen3.8-27b", environ=keys).list()
        assert (first.name, first.available, first.default) == ("groq/qwen/qwen3.8-27b", True, True)
        first, *others = await Gateway("openai/gpt-4o", environ=keys).list()
        assert (first.name, first.available, first.default) == ("openai/gpt-4o", False, None)
        assert "OPENAI_API_KEY" in (first.problem or "") and not any(row.default for row in others)


class TestCustomServer:
    """`custom_openai` and `custom_anthropic` stand beside the providers whose interface they have."""

    @pytest.mark.parametrize(
        ("prefix", "variable", "path"),
        [("custom_openai", "CUSTOM_OPENAI_API_BASE", "/v1"), ("custom_anthropic", "CUSTOM_ANTHROPIC_API_BASE", "")],
    )
    async def test_its_models_are_listed_and_answer(
        self, model_server: ModelServer, prefix: str, variable: str, path: str
    ) -> None:
        environ = {**NOWHERE, variable: f"{model_server.url}{path}"}
        gateway = Gateway(environ=environ)
        rows = {row.name: row for row in await gateway.list()}
        assert rows[f"{prefix}/test"].available
        assert await gateway.choose([f"{prefix}/test"]) == f"{prefix}/test"
        words = [output async for output in gateway.stream(ModelRequest(f"{prefix}/test", [{"role": "user", "content": "Hi"}]))]
        assert any(isinstance(output, TextDelta) for output in words)
        await gateway.close()

    async def test_a_key_is_sent_where_there_is_one(self, model_server: ModelServer) -> None:
        environ = {**NOWHERE, "CUSTOM_OPENAI_API_BASE": model_server.openai, "CUSTOM_OPENAI_API_KEY": "my own key"}
        gateway = Gateway(environ=environ)
        async for _ in gateway.stream(ModelRequest("custom_openai/test", [{"role": "user", "content": "Hi"}])):
            pass
        await gateway.close()
        assert model_server.requests[-1].headers["authorization"] == "Bearer my own key"

    async def test_without_an_address_it_says_what_to_set(self) -> None:
        problem = await refused({"CUSTOM_OPENAI_API_KEY": "k"}, ask=["custom_openai/test"])
        assert problem.reason == "noKey"
        assert "CUSTOM_OPENAI_API_BASE" in problem.message

    async def test_one_that_does_not_answer_lists_nothing(self) -> None:
        environ = {**NOWHERE, "CUSTOM_OPENAI_API_BASE": "http://127.0.0.1:9/v1", "CUSTOM_ANTHROPIC_API_BASE": "nonsense"}
        assert not [row for row in await Gateway(environ=environ).list() if row.name.startswith("custom_")]
