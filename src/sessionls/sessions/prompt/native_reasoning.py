"""A model's reasoning in its provider's own format, stored with its step and only sent to that provider.

It is stored with the step's reasoning in the log. It is not sent to clients, and not exported.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from sessionls.domain.model import KeptReasoning, Part, ReasoningPart
from sessionls.ports.models import NativeReasoning

__all__ = ["LARGEST", "as_sent", "kept_reasoning", "with_native"]

log = logging.getLogger(__name__)

LARGEST = 1 << 20  # characters of JSON
_TOO_LARGE = "(The provider's own form of this reasoning is too large to store. The provider may need it in the next step.)"


def with_native(parts: Sequence[Part], first: int, native: NativeReasoning | None) -> list[Part]:
    """The parts of a reply whose newest step begins at index `first`, with the data that the provider expects back."""
    updated = list(parts)
    if native is None:
        return updated
    kept, notice = kept_reasoning(native), ""
    if kept is None:
        log.warning("the reasoning of a step is not kept for %s", native.provider)
        notice = _TOO_LARGE
    for index in range(len(updated) - 1, first - 1, -1):
        if isinstance(part := updated[index], ReasoningPart):
            text = f"{part.text}\n\n{notice}" if notice else part.text
            updated[index] = part.model_copy(update={"native": kept, "text": text})
            return updated
    return [*updated, ReasoningPart(text=notice, native=kept)]


def as_sent(kept: KeptReasoning) -> dict[str, Any]:
    """The reasoning in a message for a model (see `ports.ModelRequest`)."""
    return {"provider": kept.provider, "data": kept.data}


def kept_reasoning(native: NativeReasoning) -> KeptReasoning | None:
    """The stored form; None if it is too large or not JSON."""
    try:
        size = len(json.dumps(native.data, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        return None
    return KeptReasoning(provider=native.provider, data=native.data) if size <= LARGEST else None
