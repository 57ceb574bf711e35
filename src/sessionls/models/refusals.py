"""Options that a server refuses are left out or rewritten, the request is sent again, and the change is remembered.

OpenAI's interface has many imitators. Each supports some of the options, and refuses a whole request because of another.
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

__all__ = ["Form", "changed", "notices_of", "remember", "remembered", "without_refused"]

log = logging.getLogger(__name__)

Body = dict[str, Any]
_MOST = 8  # changes to one request
_NOT = (
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
class Form:
    """One change of a request. `value` goes with some, such as the largest number that a server takes."""

    name: str
    value: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    """`applies`: the request contains what this changes. `said`: the refusal is about it."""

    name: str
    applies: Callable[[Body], bool]
    said: Callable[[str], bool]
    make: Callable[[Body, int], None]


_memory: dict[tuple[str, str], tuple[Form, ...]] = {}


def remembered(base: str, model: str) -> list[Form]:
    """The changes with which that model has answered before, in this process."""
    return list(_memory.get((base, model), ()))


def remember(base: str, model: str, forms: Sequence[Form]) -> None:
    """A request with these changes was accepted."""
    if forms and _memory.get((base, model)) != tuple(forms):
        _memory[base, model] = tuple(forms)
        log.warning("%s is asked without what it refuses: %s", model, ", ".join(form.name for form in forms))


def notices_of(forms: Sequence[Form], model: str) -> tuple[str, ...]:
    """What a person has to know of these changes: the answer is another one than the options asked for."""
    words = {
        "temperature": f"{model} does not accept a temperature: it answered without the one that is set.",
        "reasoning": f"{model} does not accept the reasoning effort: it answered without it.",
        "tool_choice": f"{model} cannot be made to call a tool: it was free to answer in words.",
        "tools": f"{model} does not accept tools: it answered without any.",
    }
    notices = [words[form.name] for form in forms if form.name in words]
    limit = next((form.value for form in forms if form.name == "shorter answer"), None)
    if limit is not None:
        notices.append(f"{model} writes at most {limit:,} tokens in one answer, fewer than it was asked for.")
    return tuple(notices)


def changed(body: Body, forms: Sequence[Form]) -> Body:
    """The request with these changes; `body` itself may be changed."""
    for form in forms:
        change = _BY_NAME[form.name]
        if change.applies(body):
            change.make(body, form.value)
    return body


def without_refused(said: ProviderError, body: Mapping[str, Any], forms: Sequence[Form]) -> Form | None:
    """The change that may help after that refusal; None where there is none. `body` is what was refused."""
    if len(forms) >= _MOST or said.is_page or (said.status or 400) not in (400, 404, 405, 415, 422, 500, 501):
        return None
    if is_overflow(said.status, said.words):
        return None
    words, asked = said.words, dict(body)
    done = {form.name for form in forms}
    if (limit := _limit(words, asked)) is not None and "shorter answer" not in done:
        return Form("shorter answer", limit)
    return next((Form(c.name) for c in _CHANGES if c.name not in done and c.applies(asked) and c.said(words)), None)


def _limit(words: str, body: Body) -> int | None:
    """The server's limit of output tokens, if it says that more were requested."""
    asked = next((body[name] for name in ("max_completion_tokens", "max_tokens") if name in body), None)
    if not isinstance(asked, int) or not re.search(
        r"max_(completion_|output_|new_)?tokens|output tokens|completion tokens", words
    ):
        return None
    numbers = [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]{1,14}", words)]
    smaller = [number for number in numbers if 16 <= number < asked]
    return max(smaller) if asked in numbers and smaller else min(smaller) if smaller and _refuses(words, "max") else None


def _refuses(words: str, *options: str) -> bool:
    """Whether an option is named, near a word of refusal."""
    named = "|".join(options)
    return bool(
        re.search(rf"(?:{named}).{{0,160}}?(?:{_NOT})|(?:{_NOT}).{{0,160}}?(?:{named})", words, re.IGNORECASE | re.DOTALL)
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


def _option(name: str, options: Sequence[str], words: Sequence[str] = ()) -> _Change:
    """Leave out these members where any of them, or of `words`, is refused."""
    named = [rf"\b{re.escape(option)}\b" for option in options] + list(words)
    return _Change(name, _has(*options), lambda said: _refuses(said, *named), _drop(*options))


def _calls(body: Body) -> list[dict[str, Any]]:
    return [message for message in body.get("messages") or () if message.get("tool_calls")]


def _says_content(words: str) -> bool:
    return bool(_CONTENT.search(words) and _EMPTY.search(words))


def _with_content(value: Any) -> Callable[[Body, int], None]:
    """Put something else where a content is empty: beside calls, and as the result of a call."""

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


def _fill(body: Body, _: int) -> None:
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


def _whole_answer(body: Body, _: int) -> None:
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


def _refuses_tools(said: str) -> bool:
    """Whether the model supports no tools at all, rather than the schema of one."""
    return bool(_TOOLS.search(said)) and "schema" not in said.lower()


def _shorter(body: Body, value: int) -> None:
    for name in ("max_completion_tokens", "max_tokens"):
        if name in body:
            body[name] = min(body[name], value)
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and isinstance(thinking.get("budget_tokens"), int) and thinking["budget_tokens"] >= value:
        body.pop("thinking")


_CHANGES = (
    _option("stream_options", ["stream_options"], [r"\binclude_usage\b"]),
    _Change(
        "max_completion_tokens",
        _has("max_tokens"),
        lambda said: bool(re.search(r"\bmax_completion_tokens\b", said)) or _refuses(said, r"\bmax_tokens\b"),
        _rename("max_tokens", "max_completion_tokens"),
    ),
    _Change(
        "max_tokens",
        _has("max_completion_tokens"),
        lambda said: _refuses(said, r"\bmax_completion_tokens\b"),
        _rename("max_completion_tokens", "max_tokens"),
    ),
    _option("temperature", ["temperature"]),
    _Change(
        "reasoning of earlier answers",
        _has_native,
        lambda said: (
            _refuses(said, r"\breasoning_(content|details|text)\b", r"\breasoning\b", r"\bthinking\b")
            and not re.search(r"reasoning_(effort|content.{0,80}(missing|required|passed back|must be))", said)
        ),
        _without_native,
    ),
    _Change(
        "blank reasoning",
        _lacks_reasoning,
        lambda said: bool(re.search(r"reasoning_content.{0,120}(missing|required|passed back|must|empty)", said, re.IGNORECASE)),
        _fill,
    ),
    _option("tool_choice", ["tool_choice"], [r"tool choice"]),
    _Change(
        "reasoning",
        _has("reasoning_effort", "thinking", "output_config", "think", "reasoning"),
        lambda said: _refuses(said, r"reasoning", r"thinking", r"\beffort\b", r"output_config", r"\bthink\b"),
        _without_thinking,
    ),
    _Change("null content", _has_empty_content(""), _says_content, _with_content(None)),
    _Change("no content", _has_empty_content(None), _says_content, _without_content),
    _Change(
        "blank content",
        lambda body: any(message.get("content") in ("", None) for message in _calls(body)),
        _says_content,
        _blank_content,
    ),
    _Change(
        "short ids of calls",
        lambda body: bool(_calls(body)),
        lambda said: bool(re.search(r"tool.?call.?id|call_id", said, re.IGNORECASE)),
        _short_ids,
    ),
    _Change(
        "system message",
        lambda body: any(message.get("role") == "system" for message in body.get("messages") or ()),
        lambda said: _refuses(said, r"system (role|message|prompt)", r"role.{0,20}system"),
        _system_as_user,
    ),
    _Change(
        "cache_control",
        lambda body: "cache_control" in str(body.get("system")) + str(body.get("messages")),
        lambda said: _refuses(said, r"cache_control"),
        _without_marks,
    ),
    _option("usage", ["usage"]),
    _option("include", ["include"], [r"encrypted.?content"]),
    _Change("tools", _has("tools"), _refuses_tools, _without_tools),
    _Change("stream", lambda body: body.get("stream") is True, lambda said: _refuses(said, r"\bstream(ing)?\b"), _whole_answer),
)
_BY_NAME = {change.name: change for change in _CHANGES} | {
    "shorter answer": _Change("shorter answer", _has("max_tokens", "max_completion_tokens"), lambda _: False, _shorter)
}
