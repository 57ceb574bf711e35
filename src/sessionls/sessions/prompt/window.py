"""Fits messages into a model's context window by omitting the results of older tool calls.

A long reply grows with the results of its tools. The log keeps all of them; the model sees that older results were omitted, and
can repeat a call. This is not stored: the same messages are always shortened in the same way.
"""

from __future__ import annotations

from math import ceil

from sessionls.sessions.prompt.transcript import ModelMessages, estimate_tokens

__all__ = ["DEFAULT_WINDOW", "FULL", "cut_last_results", "trim_tool_results"]

DEFAULT_WINDOW = 32_000  # tokens, if the model's own window is unknown
FULL = 0.8  # of a window: above this share, results are omitted
LEFT_OUT = "(This result was omitted to save space. Call the tool again if you still need it.)"
_LEAST = 1_000  # minimum characters of a result of the last step
_STRIDE = 4  # of a window: omitting that much at a time keeps a provider's prompt cache valid for more steps


def trim_tool_results(messages: ModelMessages, limit: int) -> ModelMessages:
    """The messages in at most `limit` tokens, if omitting older results is enough. Results of the last step stay."""
    excess = estimate_tokens(messages) - limit
    if excess <= 0:
        return messages
    stride = max(limit // _STRIDE, 1)
    to_omit = ceil(excess / stride) * stride
    newest = max((i for i, message in enumerate(messages) if message.get("tool_calls")), default=0)
    shortened: ModelMessages = []
    for message in messages[:newest]:
        if to_omit > 0 and message["role"] == "tool" and len(message["content"]) > len(LEFT_OUT):
            short = {**message, "content": LEFT_OUT}
            to_omit -= estimate_tokens([message]) - estimate_tokens([short])
            shortened.append(short)
        else:
            shortened.append(message)
    return [*shortened, *messages[newest:]]


def cut_last_results(messages: ModelMessages, limit: int) -> ModelMessages:
    """The messages in at most `limit` tokens, if cutting the middle of the last step's results is enough.

    For a model that refused the messages as too long after older results had been omitted.
    """
    excess = (estimate_tokens(messages) - limit) * 3  # characters
    newest = max((i for i, message in enumerate(messages) if message.get("tool_calls")), default=len(messages))
    cut = list(messages)
    results = [i for i in range(newest, len(messages)) if messages[i]["role"] == "tool"]
    for i in sorted(results, key=lambda i: len(messages[i]["content"]), reverse=True):
        content: str = messages[i]["content"]
        if excess <= 0 or len(content) <= _LEAST:
            break
        keep = max(len(content) - excess, _LEAST)
        notice = f"\n(… {len(content) - keep} characters were omitted to save space …)\n"
        cut[i] = {**messages[i], "content": content[: keep * 2 // 3] + notice + content[len(content) - keep // 3 :]}
        excess -= len(content) - len(cut[i]["content"])
    return cut
