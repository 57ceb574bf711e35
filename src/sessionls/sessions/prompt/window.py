"""Fits messages into a model's window: the results of older tool calls are left out first.

A long reply grows by the results of its tools. The log keeps all of them; the model learns that older results were left out, and
can call again. This is not stored: the same messages are always cut in the same way.
"""

from __future__ import annotations

from math import ceil

from sessionls.sessions.prompt.transcript import ModelMessages, estimate_tokens

__all__ = ["DEFAULT_WINDOW", "FULL", "trim_tool_results", "trimmed"]

DEFAULT_WINDOW = 32_000  # tokens, if the model's own window is not known
FULL = 0.8  # of a window: above it something is left out
LEFT_OUT = "(This result is left out here, to save room. Call the tool again if it is still needed.)"
_LEAST = 1_000  # characters that are kept of a result of the last step
_STRIDE = 4  # of a window at a time: a provider that caches prompts then reads less anew from step to step


def trim_tool_results(messages: ModelMessages, room: int) -> ModelMessages:
    """The messages in at most `room` tokens, if leaving out older results is enough. Those of the last step stay."""
    over = estimate_tokens(messages) - room
    if over <= 0:
        return messages
    stride = max(room // _STRIDE, 1)
    wanted = ceil(over / stride) * stride
    newest = max((i for i, message in enumerate(messages) if message.get("tool_calls")), default=0)
    cut: ModelMessages = []
    for message in messages[:newest]:
        if wanted > 0 and message["role"] == "tool" and len(message["content"]) > len(LEFT_OUT):
            less = {**message, "content": LEFT_OUT}
            wanted -= estimate_tokens([message]) - estimate_tokens([less])
            cut.append(less)
        else:
            cut.append(message)
    return [*cut, *messages[newest:]]


def trimmed(messages: ModelMessages, room: int) -> ModelMessages:
    """The messages in at most `room` tokens, if cutting the results of the last step in their middle is enough: for a model that
    refused them as too long after older results had been left out.
    """
    over = (estimate_tokens(messages) - room) * 3  # characters
    newest = max((i for i, message in enumerate(messages) if message.get("tool_calls")), default=len(messages))
    cut = list(messages)
    results = [i for i in range(newest, len(messages)) if messages[i]["role"] == "tool"]
    for i in sorted(results, key=lambda i: len(messages[i]["content"]), reverse=True):
        content: str = messages[i]["content"]
        if over <= 0 or len(content) <= _LEAST:
            break
        keep = max(len(content) - over, _LEAST)
        notice = f"\n(… {len(content) - keep} characters are left out here, to save room …)\n"
        cut[i] = {**messages[i], "content": content[: keep * 2 // 3] + notice + content[len(content) - keep // 3 :]}
        over -= len(content) - len(cut[i]["content"])
    return cut
