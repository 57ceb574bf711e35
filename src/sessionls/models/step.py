"""Collects the output of one step while it arrives."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from typing import Any

from sessionls.domain.model import StopReason, Usage
from sessionls.models.calls import Calls
from sessionls.models.http import Refused
from sessionls.ports.models import ModelOutput, NativeReasoning, ReasoningDelta, StepEnd, TextDelta

__all__ = ["StepBuilder", "stop_reason"]

_LONGEST = 64 << 20  # characters of one step: no model writes that much, and a broken server must not fill the memory
_SURROGATE = re.compile("[\ud800-\udfff]")

_NAMES: dict[StopReason, str] = {
    "stop": "stop end_turn stop_sequence stop_token eos eos_token complete completed done finished normal",
    "length": "length max_tokens max_output_tokens max_length model_length context_length token_limit "
    "model_context_window_exceeded incomplete",
    "tool_calls": "tool_calls tool_call tool_use function_call",
    "content_filter": "content_filter content_filtered content-filter safety recitation blocklist prohibited_content spii "
    "sensitive guardrail_intervened",
    "refusal": "refusal refused",
    "error": "error network_error engine_error malformed_function_call abort aborted failed",
}
_REASONS: dict[str, StopReason] = {name: reason for reason, names in _NAMES.items() for name in names.split()}


def stop_reason(name: Any) -> StopReason | None:
    """Why a step ended, by the provider's name for it; None if the provider gave no reason."""
    if not isinstance(name, str) or not name.strip():
        return None
    return _REASONS.get(name.strip().lower(), "unknown")


class StepBuilder:
    """`take` returns the outputs since the last `take`, and `finish` ends the step. `count` is the number of pieces so far.

    Adjacent text is joined until it is taken, so a slow consumer gets fewer and larger outputs.
    """

    def __init__(self, offered: Collection[str] = ()) -> None:
        self.started = False
        self.count = 0
        self.reason: StopReason | None = None
        self.refused = False
        self._outputs: list[ModelOutput] = []
        self._text: list[str] = []
        self._kind: type[TextDelta | ReasoningDelta] = TextDelta
        self._half_character = ""
        self._calls = Calls(offered)
        self._length = 0
        self._has_output = asyncio.Event()

    async def wait_for_output(self) -> None:
        """Wait until there is output to take, or the step has ended."""
        await self._has_output.wait()
        self._has_output.clear()

    def wake(self, _: object = None) -> None:
        self._has_output.set()

    def take(self) -> list[ModelOutput]:
        self._join()
        outputs, self._outputs = self._outputs, []
        return outputs

    def add_text(self, text: str) -> None:
        self._add(TextDelta, text)

    def add_reasoning(self, text: str) -> None:
        self._add(ReasoningDelta, text)

    def add_call(self, piece: Any) -> None:
        """A piece of a call (see `Calls.add`)."""
        self.started = True
        self._count_piece(self._calls.add(piece))

    def finish(self, usage: Usage | None, native: NativeReasoning | None = None, notices: Sequence[str] = ()) -> None:
        """Add the complete calls, and how the step ended."""
        self._join()
        if self._half_character:
            self._outputs.append(self._kind(self._half_character))
            self._half_character = ""
        self._outputs.extend(self._calls.requests())
        self._outputs.append(StepEnd(usage, self._stop_reason(), native, notices))
        self._has_output.set()

    def _stop_reason(self) -> StopReason:
        reason = self.reason or "unknown"
        if self._calls and reason in ("stop", "unknown"):
            return "tool_calls"
        return "refusal" if self.refused and reason in ("stop", "unknown") else reason

    def _add(self, kind: type[TextDelta | ReasoningDelta], text: str) -> None:
        if kind is not self._kind:
            self._join()
            self._kind = kind
        if self._half_character or not text.isascii():
            text = self._whole_characters(text)
        if not text:
            return
        self._count_piece(len(text))
        self._text.append(text)
        self.started = True
        self._has_output.set()

    def _whole_characters(self, text: str) -> str:
        """Join the halves of a character that was split between two pieces."""
        text, self._half_character = self._half_character + text, ""
        if not _SURROGATE.search(text):
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half_character = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _join(self) -> None:
        if self._text:
            self._outputs.append(self._kind("".join(self._text)))
            self._text = []

    def _count_piece(self, length: int) -> None:
        self.count += 1
        self._length += length
        if self._length > _LONGEST:
            raise Refused(None, f"It wrote more than {_LONGEST >> 20} million characters in one answer.")
