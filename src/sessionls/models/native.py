"""Where a model's own reasoning came from, so that it is handed back there and nowhere else (see `ports.NativeReasoning`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sessionls.ports.models import NativeReasoning

__all__ = ["native_from", "native_of", "source_of"]


def source_of(provider: str, base: str, model: str) -> str | None:
    """The provider, its host, and the family of the model: `deepseek api.deepseek.com deepseek`.

    Anthropic's signatures hold for all of its models. None where the name of a model does not say which one answers.
    """
    host = urlsplit(base).netloc.rpartition("@")[2].lower()
    if provider == "anthropic":
        return f"{provider} {host}"
    *vendor, name = model.lower().split("/")
    if provider == "openrouter" and vendor == ["openrouter"]:
        return None
    family = re.match(r"[^\W\d_]+", name)
    return " ".join([provider, host, "/".join([*vendor, family[0] if family else name])])


def native_of(message: Mapping[str, Any], source: str | None) -> Any:
    """What that message holds for the provider that is asked; None where it is another's."""
    native = message.get("native_reasoning")
    if source is None or not isinstance(native, Mapping) or native.get("provider") != source:
        return None
    return native.get("data")


def native_from(source: str | None, data: Any) -> NativeReasoning | None:
    return NativeReasoning(source, data) if source is not None and data else None
