"""How what a model is sent is made to fit its window: the results of older tool calls are left out of it first.

An agent that works for long grows its reply by what its tools gave. The log keeps all of it; the model is told of older results
only that they were there, and can call again. Nothing of it is written down: the same messages are always cut in the same way.
"""

from __future__ import annotations

from math import ceil

from sessionls.sessions.prompt.transcript import ModelMessages, estimate_tokens

__all__ = ["DEFAULT_WINDOW", "FULL", "trim_tool_results", "trimmed"]

DEFAULT_WINDOW = 32_000  # tokens, where a model's own is not known
FULL = 0.8  # of a window: above it something is left out
LEFT_OUT = "(This result is left out here, to save room. Call the tool again if it is still needed.)"
_LEAST = 1_000  # characters that stay of a result of the last step
_STRIDE = 4  # times in a window: what stays the same from step to step need not be read anew by a provider that caches it


def trim_tool_results(messages: ModelMessages, room: int) -> ModelMessages:
    """The messages in at most `room` tokens, where leaving out older results is enough for that. Those of the last step stay."""
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
    """The messages in at most `room` tokens, where cutting the results of the last step in their middle, too, is enough for that:
    for a model that said that it was too much, when older results are left out already.
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
