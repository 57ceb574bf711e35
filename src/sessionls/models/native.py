"""Which provider a model's own reasoning came from, so that it goes back only there (see `ports.NativeReasoning`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sessionls.ports.models import NativeReasoning

__all__ = ["native_from", "native_of", "source_of"]


def source_of(provider: str, base: str, model: str) -> str | None:
    """The provider, its host, and the family of the model: `deepseek api.deepseek.com deepseek`.

    Anthropic's signatures are valid for all of its models. None if the model's name does not say which model answers.
    """
    host = urlsplit(base).netloc.rpartition("@")[2].lower()
    if provider in ("anthropic", "custom_anthropic"):
        return f"{provider} {host}"
    *vendor, name = model.lower().split("/")
    if provider == "openrouter" and vendor == ["openrouter"]:
        return None
    family = re.match(r"[^\W\d_]+", name)
    return " ".join([provider, host, "/".join([*vendor, family[0] if family else name])])


def native_of(message: Mapping[str, Any], source: str | None) -> Any:
    """The reasoning in that message for this provider; None if it belongs to another one."""
    native = message.get("native_reasoning")
    if source is None or not isinstance(native, Mapping) or native.get("provider") != source:
        return None
    return native.get("data")


def native_from(source: str | None, data: Any) -> NativeReasoning | None:
    return NativeReasoning(source, data) if source is not None and data else None
