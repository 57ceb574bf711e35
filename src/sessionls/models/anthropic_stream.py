"""Answers in the shape of Anthropic's Messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sessionls.models.answers import DONE, Event, read_object
from sessionls.models.http import Refused
from sessionls.models.prices import Counted, count, count_anthropic
from sessionls.models.step import StepBuilder, stop_reason

__all__ = ["AnthropicReader"]


class AnthropicReader:
    """Reads the events of one answer into `step`. `native` are its blocks of thinking, with their signatures."""

    def __init__(self, step: StepBuilder) -> None:
        self._step = step
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._calls: dict[int, str] = {}
        self._index = -1
        self._done = False

    @property
    def is_complete(self) -> bool:
        return self._done or self._step.reason is not None

    @property
    def native(self) -> list[dict[str, Any]] | None:
        whole = []
        for index, block in self._blocks.items():
            texts = {name: "".join(pieces) for (at, name), pieces in self._pieces.items() if at == index}
            # Thinking without its signature is refused when it comes back.
            if texts.get("signature") or block["type"] == "redacted_thinking":
                whole.append({**block, **texts})
        return whole or None

    @property
    def counted(self) -> Counted | None:
        return count_anthropic(self._usage) if self._usage else None

    def read(self, event: Event) -> None:
        """Raises `Refused` for an error inside the answer."""
        self._done = self._done or event is DONE
        data = read_object(event)
        if data is None:
            return
        match data.get("type") or event.name:
            case "message_start":
                self._read_usage(data.get("message"))
            case "content_block_start":
                self._start_block(data)
            case "content_block_delta":
                self._read_delta(data)
            case "message_delta":
                delta = data.get("delta")
                if isinstance(delta, dict):
                    self._read_stop_reason(delta)
                self._read_usage(data)
            case "message_stop":
                self._done = True
            case "message":
                self._read_message(data)
            case _:
                if event.whole:
                    raise Refused(None, data)

    def _read_usage(self, data: Any) -> None:
        usage = data.get("usage") if isinstance(data, dict) else None
        if isinstance(usage, dict):  # each has only what has changed
            self._usage.update({name: value for name, value in usage.items() if count(value)})

    def _read_stop_reason(self, data: Mapping[str, Any]) -> None:
        self._step.reason = stop_reason(data.get("stop_reason")) or self._step.reason

    def _read_message(self, data: Mapping[str, Any]) -> None:
        content = data.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            self._start_block({"index": index, "content_block": block})
        if isinstance(content, str):
            self._step.add_text(content)
        self._read_stop_reason(data)
        self._read_usage(data)
        self._done = True

    def _start_block(self, data: Mapping[str, Any]) -> None:
        block = data.get("content_block")
        if not isinstance(block, dict):
            return
        self._index = index = _number(data.get("index"), self._index + 1)
        kind = block.get("type")
        if kind == "tool_use":
            given = block.get("input")
            self._calls[index] = str(block.get("id") or "")
            # The pieces that follow replace an empty object.
            arguments = given or None
            self._add_call(index, {"name": block.get("name"), "arguments": arguments})
        elif kind in ("thinking", "redacted_thinking"):
            self._blocks[index] = {name: value for name, value in block.items() if name not in ("thinking", "signature")}
            self._add_thinking(index, "thinking", block.get("thinking"))
            self._add_thinking(index, "signature", block.get("signature"))
        elif kind == "text" and isinstance(text := block.get("text"), str) and text:
            self._step.add_text(text)

    def _read_delta(self, data: Mapping[str, Any]) -> None:
        delta = data.get("delta")
        if not isinstance(delta, dict):
            return
        index = _number(data.get("index"), self._index)
        text, thinking, json, signature = (delta.get(name) for name in ("text", "thinking", "partial_json", "signature"))
        if isinstance(text, str) and text:
            self._step.add_text(text)
        self._add_thinking(index, "thinking", thinking)
        self._add_thinking(index, "signature", signature)
        if isinstance(json, str | dict) and json and index in self._calls:
            self._add_call(index, {"arguments": json})

    def _add_thinking(self, index: int, name: str, text: Any) -> None:
        if not isinstance(text, str):
            return
        self._blocks.setdefault(index, {"type": "thinking"})
        self._pieces.setdefault((index, name), []).append(text)
        if name == "thinking" and text:
            self._step.add_reasoning(text)

    def _add_call(self, index: int, function: Mapping[str, Any]) -> None:
        # The id adds nothing to the number of the block, and may be missing.
        piece: dict[str, Any] = {"index": index, "function": function}
        if "name" in function:
            piece["id"] = self._calls[index]
        self._step.add_call(piece)


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
