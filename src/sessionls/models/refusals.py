"""Leaves out or rewrites options that a server refuses, and remembers the change for the next request.

Many servers imitate OpenAI's interface. Each supports only some options, and rejects the whole request if it has another one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessionls.models.openai_request import fill_reasoning
from sessionls.models.overflow import is_overflow
from sessionls.models.provider_errors import ProviderError
from sessionls.models.shapes import fitting_id, text_of

__all__ = ["RequestChange", "apply_changes", "next_change", "notices_for", "remember_changes", "remembered_changes"]

log = logging.getLogger(__name__)

Body = dict[str, Any]
_MOST_CHANGES = 8  # changes to one request
_REFUSED = (
    r"(not|never|n't|no longer)\s+(currently\s+|yet\s+|be\s+)?(support|allow|permit|recogni|available|enabled|accept|implement"
    r"|exist|expect|valid|compatible|used?\b|set\b|specified)"
    r"|unsupported|unrecogni[sz]ed|unknown|unexpected|invalid|extra|forbidden|disallowed|deprecated|incompatible|illegal"
    r"|no endpoints|requires? --|disabled|removed|cannot|must|should|too (large|small|high|low)"
)
_CONTENT = re.compile(r"\bcontent\b(?!.?(filter|polic|management|moderation|length|type))", re.IGNORECASE)
_EMPTY = re.compile(
    r"empty|blank|null|none|string|missing|required|at least|too short|must|should|invalid|not (allowed|permitted|be)",
    re.IGNORECASE,
)
_ID = re.compile(r"[A-Za-z0-9]{9}")


@dataclass(frozen=True, slots=True)
class RequestChange:
    """A change to a request. Some changes have a `value`, such as the largest number that the server accepts."""

    name: str
    value: int = 0


@dataclass(frozen=True, slots=True)
class _ChangeRule:
    """`applies`: whether the request has what this rule changes. `matches`: whether the text of a refusal is about it."""

    name: str
    applies: Callable[[Body], bool]
    matches: Callable[[str], bool]
    apply: Callable[[Body, int], None]


_accepted_changes: dict[tuple[str, str], tuple[RequestChange, ...]] = {}


def remembered_changes(base: str, model: str) -> list[RequestChange]:
    """The changes with which the model accepted an earlier request of this process."""
    return list(_accepted_changes.get((base, model), ()))


def remember_changes(base: str, model: str, changes: Sequence[RequestChange]) -> None:
    """Remember the changes of a request that was accepted."""
    if changes and _accepted_changes.get((base, model)) != tuple(changes):
        _accepted_changes[base, model] = tuple(changes)
        log.warning("requests to %s are changed, because it refuses: %s", model, ", ".join(change.name for change in changes))


def notices_for(changes: Sequence[RequestChange], model: str) -> tuple[str, ...]:
    """The notices about changes that affect the answer."""
    words = {
        "temperature": f"{model} does not accept a temperature: it answered without the one that is set.",
        "reasoning": f"{model} does not accept the reasoning effort: it answered without it.",
        "tool_choice": f"{model} cannot be made to call a tool: it was free to answer in words.",
        "tools": f"{model} does not accept tools: it answered without any.",
    }
    notices = [words[change.name] for change in changes if change.name in words]
    limit = next((change.value for change in changes if change.name == "shorter answer"), None)
    if limit is not None:
        notices.append(f"{model} writes at most {limit:,} tokens in one answer, fewer than it was asked for.")
    return tuple(notices)


def apply_changes(body: Body, changes: Sequence[RequestChange]) -> Body:
    """The request with these changes; `body` itself may be changed."""
    for change in changes:
        rule = _RULE_BY_NAME[change.name]
        if rule.applies(body):
            rule.apply(body, change.value)
    return body


def next_change(refusal: ProviderError, body: Mapping[str, Any], changes: Sequence[RequestChange]) -> RequestChange | None:
    """The next change to try after a refusal of `body`; None if there is none."""
    if len(changes) >= _MOST_CHANGES or refusal.is_page or (refusal.status or 400) not in (400, 404, 405, 415, 422, 500, 501):
        return None
    if is_overflow(refusal.status, refusal.searchable_text):
        return None
    words, request = refusal.searchable_text, dict(body)
    tried = {change.name for change in changes}
    if (limit := _limit(words, request)) is not None and "shorter answer" not in tried:
        return RequestChange("shorter answer", limit)
    return next((RequestChange(r.name) for r in _RULES if r.name not in tried and r.applies(request) and r.matches(words)), None)


def _limit(words: str, body: Body) -> int | None:
    """The server's limit of output tokens, if it says that more were requested."""
    request = next((body[name] for name in ("max_completion_tokens", "max_tokens") if name in body), None)
    if not isinstance(request, int) or not re.search(
        r"max_(completion_|output_|new_)?tokens|output tokens|completion tokens", words
    ):
        return None
    numbers = [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]{1,14}", words)]
    smaller = [number for number in numbers if 16 <= number < request]
    return max(smaller) if request in numbers and smaller else min(smaller) if smaller and _refuses(words, "max") else None


def _refuses(words: str, *options: str) -> bool:
    """Whether the text names one of the options close to words such as "not supported"."""
    named = "|".join(options)
    return bool(
        re.search(rf"(?:{named}).{{0,160}}?(?:{_REFUSED})|(?:{_REFUSED}).{{0,160}}?(?:{named})", words, re.IGNORECASE | re.DOTALL)
    )


def _has(*names: str) -> Callable[[Body], bool]:
    return lambda body: any(name in body for name in names)


def _drop(*names: str) -> Callable[[Body, int], None]:
    def drop(body: Body, _: int) -> None:
        for name in names:
            body.pop(name, None)

    return drop


def _rename(old: str, new: str) -> Callable[[Body, int], None]:
    def rename(body: Body, _: int) -> None:
        body[new] = body.pop(old)

    return rename


def _option_rule(name: str, options: Sequence[str], words: Sequence[str] = ()) -> _ChangeRule:
    """A rule that leaves out these options if one of them is refused. `words` are more patterns that name them."""
    named = [rf"\b{re.escape(option)}\b" for option in options] + list(words)
    return _ChangeRule(name, _has(*options), lambda refusal: _refuses(refusal, *named), _drop(*options))


def _calls(body: Body) -> list[dict[str, Any]]:
    return [message for message in body.get("messages") or () if message.get("tool_calls")]


def _says_content(words: str) -> bool:
    return bool(_CONTENT.search(words) and _EMPTY.search(words))


def _with_content(value: Any) -> Callable[[Body, int], None]:
    """Replace empty content: in messages with calls, and in the results of calls."""

    def put(body: Body, _: int) -> None:
        for message in _calls(body):
            if message.get("content") in ("", None):
                message["content"] = value
        for message in body["messages"]:
            if message["role"] == "tool" and message.get("content") == "":
                message["content"] = "(nothing)"

    return put


def _without_content(body: Body, _: int) -> None:
    for message in _calls(body):
        if message.get("content") in ("", None):
            message.pop("content", None)


def _has_empty_content(*values: Any) -> Callable[[Body], bool]:
    def has(body: Body) -> bool:
        return any("content" in message and message["content"] in values for message in _calls(body)) or (
            "" in values
            and any(message["role"] == "tool" and message.get("content") == "" for message in body.get("messages") or ())
        )

    return has


def _without_native(body: Body, _: int) -> None:
    for message in body.get("messages") or ():
        for name in ("reasoning_content", "reasoning", "reasoning_details", "thinking", "reasoning_text"):
            message.pop(name, None)


def _has_native(body: Body) -> bool:
    return any("reasoning" in name or name == "thinking" for message in body.get("messages") or () for name in message)


def _fill_reasoning(body: Body, _: int) -> None:
    fill_reasoning(body["messages"])


def _lacks_reasoning(body: Body) -> bool:
    return any(message["role"] == "assistant" and not message.get("reasoning_content") for message in body.get("messages") or ())


def _without_thinking(body: Body, _: int) -> None:
    for name in ("reasoning_effort", "thinking", "output_config", "think", "reasoning"):
        body.pop(name, None)
    for message in body.get("messages") or ():
        if isinstance(message.get("content"), list):  # Anthropic's blocks
            kept = [block for block in message["content"] if block.get("type") not in ("thinking", "redacted_thinking")]
            message["content"] = kept or [{"type": "text", "text": "(thinking)"}]


def _without_tools(body: Body, _: int) -> None:
    """Without tools, the calls in the transcript are written as text."""
    body.pop("tools", None)
    body.pop("tool_choice", None)
    for message in body.get("messages") or ():
        if calls := message.pop("tool_calls", None):
            names = ", ".join(str(call.get("function", {}).get("name")) for call in calls)
            message["content"] = f"{text_of(message.get('content'))}\n(called {names})".strip()
        if message["role"] == "tool":
            message["role"] = "user"
            message.pop("tool_call_id", None)
            message["content"] = f"(result of a call)\n{text_of(message.get('content'))}"


def _system_as_user(body: Body, _: int) -> None:
    for message in body["messages"]:
        if message["role"] == "system":
            message["role"] = "user"


def _short_ids(body: Body, _: int) -> None:
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            call["id"] = fitting_id(call["id"], _ID, 9)
        if "tool_call_id" in message:
            message["tool_call_id"] = fitting_id(message["tool_call_id"], _ID, 9)


def _without_marks(body: Body, _: int) -> None:
    """Remove the marks for prompt caching."""
    for place in (body.get("system"), *(message.get("content") for message in body.get("messages") or ())):
        for block in place if isinstance(place, list) else ():
            block.pop("cache_control", None)


def _blank_content(body: Body, _: int) -> None:
    for message in _calls(body):
        if message.get("content") in ("", None):
            message["content"] = " "


def _without_streaming(body: Body, _: int) -> None:
    body["stream"] = False
    body.pop("stream_options", None)


_TOOLS = re.compile(
    r"\b(tools?|functions?)\b.{0,80}((not|n't)\s+(currently\s+|yet\s+)?(support|allow|available|enabled|implement|permit)"
    r"|unsupported|unrecogni[sz]ed|unknown (field|param|arg)|extra|requires? --|disabled)"
    r"|(not|n't)\s+(currently\s+|yet\s+)?(support|allow|implement).{0,60}\b(tools?|functions?)\b"
    r"|unsupported.{0,40}\b(tools?|functions?)\b|no endpoints.{0,40}tool"
    r"|(extra|unknown|unrecogni[sz]ed).{0,80}\btools\b",
    re.IGNORECASE | re.DOTALL,
)


def _refuses_tools(refusal: str) -> bool:
    """Whether the model supports no tools at all, rather than the schema of one."""
    return bool(_TOOLS.search(refusal)) and "schema" not in refusal.lower()


def _limit_output(body: Body, value: int) -> None:
    for name in ("max_completion_tokens", "max_tokens"):
        if name in body:
            body[name] = min(body[name], value)
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and isinstance(thinking.get("budget_tokens"), int) and thinking["budget_tokens"] >= value:
        body.pop("thinking")


_RULES = (
    _option_rule("stream_options", ["stream_options"], [r"\binclude_usage\b"]),
    _ChangeRule(
        "max_completion_tokens",
        _has("max_tokens"),
        lambda refusal: bool(re.search(r"\bmax_completion_tokens\b", refusal)) or _refuses(refusal, r"\bmax_tokens\b"),
        _rename("max_tokens", "max_completion_tokens"),
    ),
    _ChangeRule(
        "max_tokens",
        _has("max_completion_tokens"),
        lambda refusal: _refuses(refusal, r"\bmax_completion_tokens\b"),
        _rename("max_completion_tokens", "max_tokens"),
    ),
    _option_rule("temperature", ["temperature"]),
    _ChangeRule(
        "reasoning of earlier answers",
        _has_native,
        lambda refusal: (
            _refuses(refusal, r"\breasoning_(content|details|text)\b", r"\breasoning\b", r"\bthinking\b")
            and not re.search(r"reasoning_(effort|content.{0,80}(missing|required|passed back|must be))", refusal)
        ),
        _without_native,
    ),
    _ChangeRule(
        "blank reasoning",
        _lacks_reasoning,
        lambda refusal: bool(
            re.search(r"reasoning_content.{0,120}(missing|required|passed back|must|empty)", refusal, re.IGNORECASE)
        ),
        _fill_reasoning,
    ),
    _option_rule("tool_choice", ["tool_choice"], [r"tool choice"]),
    _ChangeRule(
        "reasoning",
        _has("reasoning_effort", "thinking", "output_config", "think", "reasoning"),
        lambda refusal: _refuses(refusal, r"reasoning", r"thinking", r"\beffort\b", r"output_config", r"\bthink\b"),
        _without_thinking,
    ),
    _ChangeRule("null content", _has_empty_content(""), _says_content, _with_content(None)),
    _ChangeRule("no content", _has_empty_content(None), _says_content, _without_content),
    _ChangeRule(
        "blank content",
        lambda body: any(message.get("content") in ("", None) for message in _calls(body)),
        _says_content,
        _blank_content,
    ),
    _ChangeRule(
        "short ids of calls",
        lambda body: bool(_calls(body)),
        lambda refusal: bool(re.search(r"tool.?call.?id|call_id", refusal, re.IGNORECASE)),
        _short_ids,
    ),
    _ChangeRule(
        "system message",
        lambda body: any(message.get("role") == "system" for message in body.get("messages") or ()),
        lambda refusal: _refuses(refusal, r"system (role|message|prompt)", r"role.{0,20}system"),
        _system_as_user,
    ),
    _ChangeRule(
        "cache_control",
        lambda body: "cache_control" in str(body.get("system")) + str(body.get("messages")),
        lambda refusal: _refuses(refusal, r"cache_control"),
        _without_marks,
    ),
    _option_rule("usage", ["usage"]),
    _option_rule("include", ["include"], [r"encrypted.?content"]),
    _ChangeRule("tools", _has("tools"), _refuses_tools, _without_tools),
    _ChangeRule(
        "stream",
        lambda body: body.get("stream") is True,
        lambda refusal: _refuses(refusal, r"\bstream(ing)?\b"),
        _without_streaming,
    ),
)
_RULE_BY_NAME = {change.name: change for change in _RULES} | {
    "shorter answer": _ChangeRule("shorter answer", _has("max_tokens", "max_completion_tokens"), lambda _: False, _limit_output)
}
