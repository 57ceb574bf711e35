"""Answers in the shape of OpenAI's chat completions, as OpenAI and its many imitators send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sessionls.models.answers import DONE, Event, read_object
from sessionls.models.http import Refused
from sessionls.models.prices import Counted, count_openai
from sessionls.models.step import StepBuilder, stop_reason

__all__ = ["OpenAIReader"]

_Kind = Literal["text", "reasoning", "refusal"]
# Names for reasoning as a text, in the order of preference.
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thinking_content")
_LONGEST_NATIVE = 8 << 20  # characters kept to be sent back


class OpenAIReader:
    """Reads the events of one answer into `step`. `is_complete`: the answer itself ended, not only the connection."""

    def __init__(self, step: StepBuilder) -> None:
        self._step = step
        self._field = ""
        self._reasoning_pieces: list[str] = []
        self._details: list[tuple[dict[str, Any], dict[str, list[str]]]] = []  # each with its texts in pieces
        self._kept = 0
        self._done = False
        self.counted: Counted | None = None

    @property
    def is_complete(self) -> bool:
        return self._done or self._step.reason is not None

    @property
    def native(self) -> dict[str, Any] | None:
        """The model's reasoning, under the provider's own names: some providers want it back."""
        native: dict[str, Any] = {}
        if self._reasoning_pieces:
            native[self._field] = "".join(self._reasoning_pieces)
        if self._details:
            texts = [{name: "".join(pieces) for name, pieces in texts.items()} for _, texts in self._details]
            native["reasoning_details"] = [{**detail, **text} for (detail, _), text in zip(self._details, texts, strict=True)]
        return native or None

    def read(self, event: Event) -> None:
        """Raises `Refused` for an error inside the answer."""
        self._done = self._done or event is DONE
        data = read_object(event)
        if data is None:
            return
        self._read_usage(data)
        choice = _first_choice(data.get("choices"))
        if choice is not None:
            if choice.get("error"):
                raise Refused(None, choice)
            self._read_usage(choice)
            delta, message = choice.get("delta"), choice.get("message")
            self._read_delta(delta if isinstance(delta, dict) and delta else message, choice.get("text"))
            self._step.reason = stop_reason(choice.get("finish_reason")) or self._step.reason
            if event.whole or data.get("object") == "chat.completion":
                self._done = True
        elif event.whole and not _has_answer(data):
            raise Refused(None, data)

    def _read_usage(self, data: Mapping[str, Any]) -> None:
        inner = data.get("x_groq")
        usage = data.get("usage") or (inner.get("usage") if isinstance(inner, dict) else None)
        if isinstance(usage, dict):
            counted = count_openai(usage)
            if counted.input or counted.output:
                self.counted = counted

    def _read_delta(self, delta: Any, text: Any) -> None:
        if not isinstance(delta, dict):
            delta = {"content": text}
        content = delta.get("content")
        if isinstance(content, str) and len(delta) <= 2 and (len(delta) == 1 or "role" in delta):
            if content:  # nearly always
                self._step.add_text(content)
            return
        details = delta.get("reasoning_details")
        has_reasoning = False
        for name in _REASONING:
            for _, piece in _texts(delta.get(name), "reasoning"):
                has_reasoning = True
                self._add_reasoning(name, piece)
            if has_reasoning:
                break
        if isinstance(details, list):
            self._keep_details(details)
            for kind, piece in () if has_reasoning else _texts(details, "reasoning"):
                if kind == "reasoning":
                    self._step.add_reasoning(piece)
        for kind, piece in _texts(content, "text"):
            self._add_text(kind, piece)
        for _, piece in _texts(delta.get("refusal"), "refusal"):
            self._add_text("refusal", piece)
        calls = delta.get("tool_calls") or delta.get("function_call")
        for call in calls if isinstance(calls, list) else [calls] if calls else ():
            self._step.add_call(call)

    def _add_text(self, kind: _Kind, text: str) -> None:
        if kind == "reasoning":
            self._add_reasoning("thinking", text)
            return
        if kind == "refusal":
            self._step.refused = True
        self._step.add_text(text)

    def _add_reasoning(self, name: str, text: str) -> None:
        self._step.add_reasoning(text)
        if not self._field:
            self._field = name
        self._kept += len(text)
        if name == self._field and self._kept <= _LONGEST_NATIVE:
            self._reasoning_pieces.append(text)

    def _keep_details(self, details: Sequence[Any]) -> None:
        """Pieces of one detail share its number and type; their texts are joined, other fields take the latest value."""
        for detail in details:
            if not isinstance(detail, dict):
                continue
            self._kept += sum(len(value) for value in detail.values() if isinstance(value, str))
            if self._kept > _LONGEST_NATIVE:
                return
            key = (detail.get("index"), detail.get("type"))
            last = self._details[-1][0] if self._details else None
            if last is None or key[0] is None or (last.get("index"), last.get("type")) != key:
                self._details.append(({}, {}))
            known, texts = self._details[-1]
            for name, value in detail.items():
                if name in ("text", "summary", "data") and isinstance(value, str):
                    texts.setdefault(name, []).append(value)
                elif value is not None or name not in known:
                    known[name] = value


def _first_choice(choices: Any) -> Mapping[str, Any] | None:
    if isinstance(choices, dict):
        return choices
    if isinstance(choices, list):
        found = [choice for choice in choices if isinstance(choice, dict)]
        return next((choice for choice in found if choice.get("index") in (0, None, "0")), None)
    return None


def _has_answer(data: Mapping[str, Any]) -> bool:
    return any(data.get(name) for name in ("choices", "usage", "id", "object"))


def _texts(value: Any, kind: _Kind) -> Iterator[tuple[_Kind, str]]:
    """The texts in a content: a string, an object, or a list of them, at most a few levels deep."""
    waiting: list[tuple[Any, _Kind, int]] = [(value, kind, 0)]
    while waiting:
        value, kind, depth = waiting.pop()
        if isinstance(value, str):
            if value:
                yield kind, value
        elif depth > 4:
            continue
        elif isinstance(value, dict):
            type_name = str(value.get("type") or "")
            inner: _Kind = kind
            if "refusal" in type_name or (isinstance(value.get("refusal"), str) and "text" not in value):
                inner = "refusal"
            elif "thinking" in type_name or "reasoning" in type_name:
                inner = "reasoning"
            if "encrypted" in type_name or "redacted" in type_name:
                continue
            for name in ("text", "thinking", "reasoning", "content", "summary", "refusal", "value"):
                if value.get(name):
                    waiting.append((value[name], inner, depth + 1))
                    break
        elif isinstance(value, list):
            waiting.extend((one, kind, depth + 1) for one in reversed(value))
