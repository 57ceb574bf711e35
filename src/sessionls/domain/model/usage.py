"""How many tokens a reply used, and what it cost."""

from __future__ import annotations

from typing import Any

from sessionls.domain.model.base import Wire

__all__ = ["Usage"]


class Usage(Wire):
    """Tokens and cost. `cost` is in US dollars, and absent if it is not known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int | None = None
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=_add(self.cached_tokens, other.cached_tokens),
            cost=_add(self.cost, other.cost),
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens - other.input_tokens,
            output_tokens=self.output_tokens - other.output_tokens,
            cached_tokens=_sub(self.cached_tokens, other.cached_tokens),
            cost=_sub(self.cost, other.cost),
        )


def _add(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _sub(a: Any, b: Any) -> Any:
    return a if a is None or b is None else a - b
