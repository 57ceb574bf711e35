"""Explains to people why a reply is incomplete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sessionls.domain.model import Message, StopReason, ToolPart

__all__ = ["ReplyStopReason", "incomplete", "reply_stop_reason", "review_problem", "stop_explanation"]

ReplyStopReason = StopReason | Literal["empty"]

_EXPLANATIONS: Mapping[str, str] = {
    "length": "The answer was cut off: the model reached its limit of output tokens.",
    "content_filter": "The provider's content filter withheld the rest of the answer.",
    "refusal": "The model declined to answer.",
    "error": "The provider ended the answer with an error.",
    "unknown": "The provider did not say why the answer ended. It may be incomplete.",
    "empty": "The model gave no answer.",
}
_CONTINUE_HINT = ' Send "go on" to let the agent continue.'
_CAN_CONTINUE = ("length", "error", "unknown", "empty")


def reply_stop_reason(reason: StopReason, *, wrote: bool) -> ReplyStopReason:
    """The stop reason of a reply whose last step ended for `reason` without tool calls. `wrote`: that step has text."""
    if reason == "tool_calls":  # although there were no calls
        reason = "unknown"
    return "empty" if not wrote and reason in ("stop", "unknown") else reason


def stop_explanation(reason: ReplyStopReason | None) -> str | None:
    """Why an answer with that stop reason is incomplete; None if it is complete."""
    return _EXPLANATIONS.get(reason or "")


def incomplete(message: Message) -> str | None:
    """Why an ended reply is incomplete, and what to do; None if it is complete."""
    explanation = stop_explanation(message.stop_reason) if message.status == "complete" else None
    return explanation and explanation + (_CONTINUE_HINT if message.stop_reason in _CAN_CONTINUE else "")


def review_problem(reply: Message) -> str | None:
    """Why an agent's reply is not a complete review; None if it is. An agent that reported findings need not write text."""
    reported = any(isinstance(part, ToolPart) and part.name == "report_finding" and part.status == "done" for part in reply.parts)
    return None if reply.stop_reason == "empty" and reported else incomplete(reply)
