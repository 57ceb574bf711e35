"""The models of servers that a person set up. Only the servers know their names."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sessionls.models.http import get_json
from sessionls.models.providers import PROVIDERS, Provider, is_local

__all__ = ["Listing"]

log = logging.getLogger(__name__)

_PATIENCE = 2.0  # seconds
_FRESH = 60.0  # seconds for which an answer is cached
_MOST = 500  # names


class Listing:
    """Asks each server whose address is set and whose models are not in our table. A server that does not answer has none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: dict[str, tuple[float, list[str]]] = {}

    async def models(self) -> list[tuple[str, str]]:
        """Each model as `provider/name`, with its provider."""
        asked = [one for one in PROVIDERS.values() if not one.models and one.lane != "litellm" and one.base(self._environ)]
        found = await asyncio.gather(*(self._models_of(provider) for provider in asked))
        return [
            (f"{provider.prefix}/{name}", provider.prefix) for provider, names in zip(asked, found, strict=True) for name in names
        ]

    async def _models_of(self, provider: Provider) -> list[str]:
        known = self._known.get(provider.prefix)
        if known is not None and time.monotonic() - known[0] < _FRESH:
            return known[1]
        names = await asyncio.to_thread(_names, provider, self._environ)
        if names:
            self._known[provider.prefix] = (time.monotonic(), names)
        return names


def _names(provider: Provider, environ: Mapping[str, str]) -> list[str]:
    """Blocks, within the timeout."""
    base = provider.base(environ) or ""
    key = provider.key(environ) or "none"
    if provider.lane == "anthropic":
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    else:
        headers = {"authorization": f"Bearer {key}"}
    try:
        answer = get_json(_url(base, provider), _PATIENCE, headers=headers, through_proxies=not is_local(base))
        return _ids(answer)
    except Exception as error:  # noqa: BLE001 (nothing there, or something else: then it has no list)
        log.info("the server of %s lists no models: %s", provider.prefix, type(error).__name__)
        return []


def _url(base: str, provider: Provider) -> str:
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/messages")
    if provider.lane == "anthropic" and not path.endswith("/v1"):
        path += "/v1"
    return urlunsplit(parts._replace(path=f"{path}/models"))


def _ids(answer: Any) -> list[str]:
    """Both interfaces answer with `{"data": [{"id": …}]}`."""
    rows = answer.get("data") if isinstance(answer, dict) else answer
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [name for name in ids if isinstance(name, str) and 0 < len(name) <= 150 and name.isprintable()][:_MOST]
