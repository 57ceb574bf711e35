"""Where and how a model is asked: what the gateway derives from its name before the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sessionls.models.catalog import Row
from sessionls.models.native import source_of

__all__ = ["Lane", "Target"]

Lane = Literal["openai", "responses", "anthropic", "ollama", "litellm"]


@dataclass(frozen=True, slots=True)
class Target:
    """`model` is its name as the provider knows it, `base` the provider's address, `row` what the catalog knows.

    `is_own`: the address is the provider's own, not one that a person set. `window` is the context window for Ollama.
    """

    lane: Lane
    provider: str
    model: str
    base: str
    key: str | None = None
    row: Row = field(default_factory=dict)
    is_own: bool = True
    window: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str | None:
        """Where reasoning of this model belongs (see `native.source_of`)."""
        return source_of(self.provider, self.base, self.model)
