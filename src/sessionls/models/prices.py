"""The cost of a step: as the provider reports it, else from the list prices of the catalog."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from sessionls.domain.model import Usage
from sessionls.models.catalog import Row

__all__ = ["Counted", "usage_of"]

_XAI_TICK = 1e-10  # US dollars
_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)(k?)_tokens")
_INCLUSIVE = frozenset({"xai"})  # the higher price applies from the limit itself on


@dataclass(slots=True)
class Counted:
    """The tokens of a step. `input` counts all input, including what was read from or written to a cache."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    cost: float | None = None


def usage_of(counted: Counted | None, provider: str, row: Row) -> Usage | None:
    """None if the provider reported no counts. With a cost only if the provider reported it, or the model's price is known."""
    if counted is None or not (counted.input or counted.output):
        return None
    cost = counted.cost if counted.cost is not None else _cost(counted, provider, row, datetime.now(UTC))
    return Usage(input_tokens=counted.input, output_tokens=counted.output, cached_tokens=counted.cached or None, cost=cost)


def count(value: Any) -> int:
    """A number of tokens as a provider writes it; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return min(max(int(value), 0), 1 << 53)


def count_openai(usage: Mapping[str, Any]) -> Counted:
    """The counts of OpenAI's interface, also under the names that other providers use."""
    read = _inner(usage, "prompt_tokens_details", "input_tokens_details")
    written = _inner(usage, "completion_tokens_details", "output_tokens_details")
    cached = count(read.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens")) or count(usage.get("cached_tokens"))
    counted = Counted(
        input=count(usage.get("prompt_tokens")) or count(usage.get("input_tokens")),
        output=count(usage.get("completion_tokens")) or count(usage.get("output_tokens")),
        written=count(read.get("cache_write_tokens")) or count(read.get("cache_creation_tokens")),
        reasoning=count(written.get("reasoning_tokens")),
        cost=_reported_cost(usage),
    )
    counted.cached = min(cached, counted.input)
    return counted


def count_anthropic(usage: Mapping[str, Any]) -> Counted:
    """Anthropic's counts, where `input_tokens` excludes what was read from or written to the cache."""
    cached, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return Counted(
        input=count(usage.get("input_tokens")) + cached + written,
        output=count(usage.get("output_tokens")),
        cached=cached,
        written=written,
    )


def _inner(usage: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return next((value for name in names if isinstance(value := usage.get(name), Mapping)), {})


def _reported_cost(usage: Mapping[str, Any]) -> float | None:
    cost, ticks = usage.get("cost"), usage.get("cost_in_usd_ticks")
    if isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost) and cost >= 0:
        return float(cost)
    return count(ticks) * _XAI_TICK if ticks is not None and count(ticks) else None


def _cost(counted: Counted, provider: str, row: Row, at: datetime) -> float | None:
    rates = _rates(counted, provider, row)
    if rates is None:
        return None
    rates |= {name: value for name in rates if (value := _price(_off_peak(row, at), name)) is not None}
    input_rate, output_rate = rates["input_cost_per_token"], rates["output_cost_per_token"]
    reasoning_rate = rates.get("output_cost_per_reasoning_token", output_rate)
    uncached = max(counted.input - counted.cached - counted.written, 0)
    reasoning = min(counted.reasoning, counted.output)
    return (
        uncached * input_rate
        + counted.cached * rates.get("cache_read_input_token_cost", input_rate)
        + counted.written * rates.get("cache_creation_input_token_cost", input_rate)
        + (counted.output - reasoning) * output_rate
        + reasoning * reasoning_rate
    )


def _rates(counted: Counted, provider: str, row: Row) -> dict[str, float] | None:
    """US dollars per token of each kind, for a request of that size. None if there is no price."""
    names = (
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
        "output_cost_per_reasoning_token",
    )
    rates = {name: value for name in names if (value := _price(row, name)) is not None}
    for tier in row.get("tiered_pricing") or ():
        begin, end = (*tier.get("range", ()), math.inf, math.inf)[:2]
        if begin <= counted.input <= end:
            rates |= {name: value for name in names if (value := _price(tier, name)) is not None}
            break
    limits = [
        (int(found[1]) * (1000 if found[2] else 1), found[1] + found[2]) for name in row if (found := _ABOVE.fullmatch(name))
    ]
    for limit, suffix in sorted(limits):
        if counted.input > limit or (provider in _INCLUSIVE and counted.input == limit):
            rates |= {name: value for name in names if (value := _price(row, f"{name}_above_{suffix}_tokens")) is not None}
    return rates if {"input_cost_per_token", "output_cost_per_token"} <= rates.keys() else None


def _price(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _off_peak(row: Row, at: datetime) -> Mapping[str, Any]:
    """The off-peak prices, if it is an off-peak hour."""
    off_peak = row.get("off_peak_pricing")
    if not isinstance(off_peak, Mapping):
        return {}
    windows: list[Mapping[str, Any]] = [{"hours_utc": off_peak["hours_utc"]}] if off_peak.get("hours_utc") else []
    windows += [window for window in off_peak.get("windows") or () if isinstance(window, Mapping)]
    for window in windows:
        hours = window.get("hours_utc") or ()
        days = window.get("weekdays")
        if days and at.isoweekday() not in days:
            continue
        if any(_is_within(hour, at.time()) for hour in ([hours] if isinstance(hours, str) else hours)):
            return off_peak
    return {}


def _is_within(hours: str, now: time) -> bool:
    try:
        begin, end = (time.fromisoformat(moment.strip()) for moment in hours.split("-"))
    except ValueError:
        return False
    return begin <= now < end if begin < end else now >= begin or now < end
