"""Chooses the model that answers: the requested one, else the setting, else the first that is available."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sessionls.domain import uris
from sessionls.domain.errors import ModelUnavailable
from sessionls.domain.model import ModelInfo
from sessionls.models import library
from sessionls.models.embedded import Embedded
from sessionls.models.http import get_json
from sessionls.models.listing import Listing
from sessionls.models.providers import OLLAMA_BASE, PROVIDERS, known_provider, no_key, unknown_model

__all__ = ["Choice"]

_OLLAMA_TIMEOUT = 0.3  # seconds
_OLLAMA_SHOW_TIMEOUT = 2.0  # seconds
_OLLAMA_CACHE_SECONDS = 5.0
# Providers that read credentials from elsewhere than the environment, or need none: only a request shows whether it works.
_AMBIENT = frozenset(
    {"bedrock", "bedrock_converse", "sagemaker", "sagemaker_chat", "vertex_ai", "vertex_ai_beta", "huggingface", "watsonx"}
)
# litellm signs in at these as soon as their name is looked up, which uses the network and may prompt the person.
_SIGN_IN = frozenset({"github_copilot", "chatgpt"})


class Choice:
    """Knows which models are available. `default` is the setting; `embedded` is None if the embedded model is switched off."""

    def __init__(self, default: str | None, environ: Mapping[str, str], embedded: Embedded | None) -> None:
        self._default = default
        self._environ = environ
        self._embedded = embedded
        self._ollama: tuple[float, list[str] | None] | None = None
        self._listing = Listing(environ)
        self._ollama_image_support: dict[str, bool] = {}

    @property
    def ollama_base(self) -> str:
        base = self._environ.get("OLLAMA_API_BASE") or OLLAMA_BASE
        return base.rstrip("/")

    async def choose(self, preferences: Sequence[str]) -> str:
        """As `ports.Models.choose`."""
        if not preferences:
            return await self._choose_default()
        first_problem: ModelUnavailable | None = None
        for model in preferences:
            problem = await self.problem(model)
            if problem is None:
                return model
            first_problem = first_problem or problem
        assert first_problem is not None
        raise first_problem

    async def _choose_default(self) -> str:
        if self._default:
            problem = await self.problem(self._default)
            if problem is not None:
                raise problem
            return self._default
        for provider in PROVIDERS.values():
            if provider.models and provider.key(self._environ) and not provider.missing(self._environ):
                return provider.models[0]
        if models := await self.ollama():
            return f"ollama/{models[0]}"
        problem = await self._embedded_problem()
        if problem is None:
            assert self._embedded is not None
            return self._embedded.model
        raise self._no_model(problem)

    async def problem(self, model: str) -> ModelUnavailable | None:
        """Why that model cannot answer now, as far as that is known without asking its provider."""
        provider = known_provider(model)
        if not model or model.startswith("/") or model.endswith("/"):
            return unknown_model(model)
        if provider is None:
            return await self._ask_litellm(model)
        if provider == "embedded":
            if self._embedded is not None and model != self._embedded.model:
                return unknown_model(model)
            return await self._embedded_problem()
        if provider == "ollama":
            return self._ollama_problem(model, await self.ollama())
        missing = PROVIDERS[provider].missing(self._environ)
        return no_key(model, missing) if missing else None

    async def ollama(self) -> list[str] | None:
        """The chat models of the local Ollama, newest first; None if Ollama does not answer."""
        if self._ollama is not None and time.monotonic() - self._ollama[0] < _OLLAMA_CACHE_SECONDS:
            return self._ollama[1]
        models = await asyncio.to_thread(_ollama_models, self.ollama_base)
        self._ollama = (time.monotonic(), models)
        return models

    async def ollama_accepts_images(self, name: str) -> bool | None:
        """Whether that model of the local Ollama accepts images; None if Ollama does not say."""
        if name not in self._ollama_image_support:
            accepted = await asyncio.to_thread(_ollama_vision, self.ollama_base, name)
            if accepted is None:
                return None
            self._ollama_image_support[name] = accepted
        return self._ollama_image_support[name]

    async def list(self) -> list[ModelInfo]:
        """As `ports.Models.list`, without windows."""
        default: str | None = None
        with contextlib.suppress(ModelUnavailable):
            default = await self._choose_default()
        rows: dict[str, ModelInfo] = {}

        def add(name: str, provider: str, problem: ModelUnavailable | str | None = None) -> None:
            text = f"{problem.message} {problem.hint}" if isinstance(problem, ModelUnavailable) else problem
            known = {"name": name, "provider": provider, "available": text is None, "problem": text}
            rows.setdefault(name, ModelInfo(**known, default=True if name == default else None))

        if self._default:
            add(
                self._default, known_provider(self._default) or self._default.partition("/")[0], await self.problem(self._default)
            )
        for provider in PROVIDERS.values():
            missing = provider.missing(self._environ)
            for name in provider.models[:1] if missing else provider.models:
                add(name, provider.prefix, f"Set {' and '.join(missing)}." if missing else None)
        for name, prefix in await self._listing.models():
            add(name, prefix)
        models = await self.ollama()
        for name in models or ():
            add(f"ollama/{name}", "ollama")
        if not models:
            add("ollama", "ollama", self._ollama_problem("ollama", models))
        if self._embedded is not None:
            add(self._embedded.model, "embedded", await self._embedded_problem())
        return list(rows.values())

    async def _embedded_problem(self) -> ModelUnavailable | None:
        if self._embedded is None:
            return ModelUnavailable(
                "The embedded model is switched off.", hint="Switch it on, or choose another model.", reason="noModel"
            )
        return await asyncio.to_thread(self._embedded.problem)

    def _ollama_problem(self, model: str, models: Sequence[str] | None) -> ModelUnavailable | None:
        name = model.partition("/")[2]
        if models is None:
            return ModelUnavailable(
                f"Ollama does not answer at {uris.public(self.ollama_base)}.",
                hint="Start Ollama (`ollama serve`), or set OLLAMA_API_BASE to its address.",
                reason="refused",
                model=model,
            )
        if not name or (name not in models and f"{name}:latest" not in models):
            what = f"has no model {name!r}" if name else "has no model yet"
            return ModelUnavailable(
                f"Ollama at {uris.public(self.ollama_base)} {what}.",
                hint=f"Download it: ollama pull {name}" if name else "Download one, for example: ollama pull qwen3",
                reason="unknownModel",
                model=model,
            )
        return None

    async def _ask_litellm(self, model: str) -> ModelUnavailable | None:
        """For a provider that is not in our table."""
        if model.partition("/")[0] in _SIGN_IN:
            return None
        module = await library.load()
        missing = await asyncio.to_thread(_missing, module, model, self._environ)
        if missing is None:
            return unknown_model(model)
        return no_key(model, missing) if missing else None

    def _no_model(self, embedded: ModelUnavailable) -> ModelUnavailable:
        keys = ", ".join(provider.keys[0] for provider in PROVIDERS.values() if provider.models)
        return ModelUnavailable(
            "No model can answer: no provider's key is set, Ollama does not answer, and the embedded model cannot be used.",
            hint=f"Set one of {keys}; or start Ollama; or, for the embedded model: {embedded.hint.rstrip('.')}. "
            "`sessionls doctor` shows what is missing.",
            reason="noModel",
        )


def _missing(module: Any, model: str, environ: Mapping[str, str]) -> list[str] | None:
    """The variables that litellm needs for the model and that are not set; None if it knows no provider for it."""
    try:
        _, provider, *_ = module.get_llm_provider(model)
    except Exception:  # noqa: BLE001 (litellm raises several classes)
        return None
    try:
        missing: list[str] = module.validate_environment(model).get("missing_keys") or []
    except Exception:  # noqa: BLE001
        return []
    # litellm does not list every key variable that it reads, so any key variable with the provider's name is enough.
    prefix_of_keys = str(provider).split("_")[0].upper()
    named = any(
        name.startswith(prefix_of_keys) and ("KEY" in name or "TOKEN" in name) and value for name, value in environ.items()
    )
    return [] if provider in _AMBIENT or named else missing


def _ollama_models(base: str) -> list[str] | None:
    """Ask Ollama for its models. Blocks, within the timeout."""
    try:
        names = [str(model["name"]) for model in get_json(f"{base}/api/tags", _OLLAMA_TIMEOUT)["models"]]
    except Exception:  # noqa: BLE001 (nothing there, or something else: no Ollama)
        return None
    return [name for name in names if "embed" not in name]


def _ollama_vision(base: str, name: str) -> bool | None:
    """Ask Ollama what a model can do. Blocks, within the timeout."""
    try:
        abilities = get_json(f"{base}/api/show", _OLLAMA_SHOW_TIMEOUT, body={"model": name})["capabilities"]
    except Exception:  # noqa: BLE001 (an older version, or no Ollama)
        return None
    return "vision" in abilities if isinstance(abilities, list) else None
