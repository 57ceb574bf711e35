"""The providers that are known without litellm: their keys, their addresses, and the models to offer."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sessionls.domain.errors import ModelUnavailable
from sessionls.models.targets import Lane, Target
from sessionls.ports.models import ModelRequest
from sessionls.secret_patterns import is_secret_name

__all__ = [
    "OLLAMA_BASE",
    "PROVIDERS",
    "Provider",
    "is_local",
    "known_provider",
    "lane",
    "no_key",
    "secrets",
    "unknown_model",
    "wants_responses",
]

OLLAMA_BASE = "http://localhost:11434"


@dataclass(frozen=True, slots=True)
class Provider:
    """`prefix` begins the names of its models. One of `keys` must be set, and all of `needs`; the variables `bases` may name
    another address than `url`. Each of `headers` is sent with each request if the variable that it names is set.

    `models` are offered in lists; the first is the default where this provider's key is the first that is set.
    """

    prefix: str
    keys: tuple[str, ...]
    models: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    url: str = ""
    lane: Lane = "openai"
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def key(self, environ: Mapping[str, str]) -> str | None:
        return next((environ[name] for name in self.keys if environ.get(name)), None)

    @property
    def is_custom(self) -> bool:
        """Whether it has no address of its own, and the interface of another provider."""
        return self.prefix.startswith("custom_")

    def base(self, environ: Mapping[str, str]) -> str | None:
        return next((environ[name] for name in self.bases if environ.get(name)), None)

    def missing(self, environ: Mapping[str, str]) -> list[str]:
        """The variables that must be set before it can be used. A server on this machine needs no key."""
        missing = [name for name in self.needs if not environ.get(name)]
        if self.key(environ) is None and not self.is_custom and not is_local(self.base(environ) or self.url):
            missing.insert(0, self.keys[0])
        return missing

    def more_headers(self, environ: Mapping[str, str]) -> dict[str, str]:
        found = {name: next((environ[one] for one in names if environ.get(one)), "") for name, names in self.headers}
        return {name: value for name, value in found.items() if value and value.isascii() and value.isprintable()}


# In the order in which they are tried where no model is named. Names as in litellm's own table (1.106); names that move with
# the provider's newest model are preferred where there are any.
PROVIDERS: Mapping[str, Provider] = {
    provider.prefix: provider
    for provider in (
        Provider(
            "anthropic",
            ("ANTHROPIC_API_KEY",),
            ("anthropic/claude-sonnet-5-5", "anthropic/claude-opus-5-5", "anthropic/claude-haiku-5-5"),
            ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
            url="https://api.anthropic.com",
            lane="anthropic",
        ),
        Provider(
            "openai",
            ("OPENAI_API_KEY",),
            ("openai/gpt-6.1-sol", "openai/gpt-6-astra", "openai/gpt-6-luna"),
            ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            url="https://api.openai.com/v1",
            headers=(
                ("openai-organization", ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID")),
                ("openai-project", ("OPENAI_PROJECT_ID",)),
            ),
        ),
        Provider(
            "gemini",
            ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            ("gemini/gemini-pro-latest", "gemini/gemini-flash-latest"),
            ("GEMINI_API_BASE",),
            lane="litellm",
        ),
        Provider(
            "mistral",
            ("MISTRAL_API_KEY",),
            ("mistral/mistral-medium-latest", "mistral/devstral-latest"),
            ("MISTRAL_API_BASE",),
            url="https://api.mistral.ai/v1",
        ),
        Provider(
            "deepseek",
            ("DEEPSEEK_API_KEY",),
            ("deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-flash"),
            ("DEEPSEEK_API_BASE",),
            url="https://api.deepseek.com/beta",
        ),
        Provider(
            "groq",
            ("GROQ_API_KEY",),
            ("groq/openai/gpt-oss-120b",),
            ("GROQ_API_BASE",),
            url="https://api.groq.com/openai/v1",
        ),
        # OpenRouter's own name for "the model that suits the message".
        Provider(
            "openrouter",
            ("OPENROUTER_API_KEY", "OR_API_KEY"),
            ("openrouter/openrouter/auto",),
            ("OPENROUTER_API_BASE",),
            url="https://openrouter.ai/api/v1",
            headers=(("http-referer", ("OR_SITE_URL",)), ("x-title", ("OR_APP_NAME",))),
        ),
        Provider(
            "xai",
            ("XAI_API_KEY",),
            ("xai/grok-4.7", "xai/grok-code-fast-1"),
            ("XAI_API_BASE",),
            url="https://api.x.ai/v1",
        ),
        # Its models have the names of a customer's deployments: none can be offered.
        Provider("azure", ("AZURE_API_KEY",), (), ("AZURE_API_BASE",), ("AZURE_API_BASE",), lane="litellm"),
        # None of these is a default: they are used only if a person names one of their models.
        Provider("moonshot", ("MOONSHOT_API_KEY",), (), ("MOONSHOT_API_BASE",), url="https://api.moonshot.ai/v1"),
        Provider("minimax", ("MINIMAX_API_KEY",), (), ("MINIMAX_API_BASE",), url="https://api.minimax.io/v1"),
        Provider("zai", ("ZAI_API_KEY",), (), ("ZAI_API_BASE",), url="https://api.z.ai/api/paas/v4"),
        Provider(
            "dashscope",
            ("DASHSCOPE_API_KEY",),
            (),
            ("DASHSCOPE_API_BASE",),
            url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        ),
        Provider("lm_studio", ("LM_STUDIO_API_KEY",), (), ("LM_STUDIO_API_BASE",), url="http://localhost:1234/v1"),
        Provider("hosted_vllm", ("HOSTED_VLLM_API_KEY",), (), ("HOSTED_VLLM_API_BASE",), url="http://localhost:8000/v1"),
        # A server of the person's own, beside the providers whose interface it has. It may want no key.
        Provider("custom_openai", ("CUSTOM_OPENAI_API_KEY",), (), ("CUSTOM_OPENAI_API_BASE",), ("CUSTOM_OPENAI_API_BASE",)),
        Provider(
            "custom_anthropic",
            ("CUSTOM_ANTHROPIC_API_KEY",),
            (),
            ("CUSTOM_ANTHROPIC_API_BASE",),
            ("CUSTOM_ANTHROPIC_API_BASE",),
            lane="anthropic",
        ),
    )
}

_BARE = ((re.compile(r"claude-"), "anthropic"), (re.compile(r"(gpt-|chatgpt-|o[1-9](-|$))"), "openai"))


def known_provider(model: str) -> str | None:
    """The provider of a model by its name alone: a prefix of the table, `ollama`, `embedded`; None if only litellm knows."""
    prefix, slash, _ = model.partition("/")
    if slash:
        if prefix in ("ollama", "ollama_chat"):
            return "ollama"
        return prefix if prefix in PROVIDERS or prefix == "embedded" else None
    return next((provider for pattern, provider in _BARE if pattern.match(model)), None)


def lane(provider: str) -> Lane:
    """The interface of that provider."""
    if provider == "ollama":
        return "ollama"
    if provider == "embedded":
        return "openai"
    known = PROVIDERS.get(provider)
    return "litellm" if known is None else known.lane


def wants_responses(target: Target, request: ModelRequest) -> bool:
    """Whether to use OpenAI's Responses interface: only there do its newer models accept tools while they reason. For another
    server with OpenAI's interface it is used only if reasoning is asked for.
    """
    if target.provider != "openai":
        return False
    if target.row.get("mode") == "responses":
        return True
    version = re.match(r"gpt-(\d+)(?:\.(\d+))?(?=[.-]|$)", target.model)
    if version is None or not request.tools or (int(version[1]), int(version[2] or 0)) < (5, 4):
        return False
    if request.reasoning_effort == "none" and target.row.get("supports_none_reasoning_effort") is not False:
        return False
    host = urlsplit(target.base).hostname or ""
    return request.reasoning_effort is not None or host == "api.openai.com" or host.endswith(".api.openai.com")


def is_local(base: str | None) -> bool:
    """Whether that address is on this machine."""
    try:
        host = (urlsplit(base or "").hostname or "").removesuffix(".")
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def no_key(model: str, missing: list[str]) -> ModelUnavailable:
    names = " and ".join(missing)
    return ModelUnavailable(
        f"The model {model} cannot answer: {names} is not set."
        if len(missing) == 1
        else f"The model {model} cannot answer: {names} are not set.",
        hint=f"Set {names} in the environment that the editor or the terminal starts from, or choose another model.",
        reason="noKey",
        model=model,
    )


def unknown_model(model: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"There is no model {model!r} that sessionls knows a provider of.",
        hint="Name the provider first, as in openai/gpt-4.1, anthropic/claude-sonnet-5-5 or ollama/qwen3.",
        reason="unknownModel",
        model=model,
    )


def secrets(environ: Mapping[str, str]) -> list[str]:
    """The values in the environment that must never be shown, longest first."""
    return sorted({value for name, value in environ.items() if is_secret_name(name) and len(value) >= 6}, key=len, reverse=True)
