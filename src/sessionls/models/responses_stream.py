"""Answers in the shape of OpenAI's Responses."""

from __future__ import annotations

from typing import Any

from sessionls.models.answers import DONE, Event, read_object
from sessionls.models.http import Refused
from sessionls.models.prices import Counted, count_openai
from sessionls.models.step import StepBuilder, stop_reason

__all__ = ["ResponsesReader"]


class ResponsesReader:
    """Reads the events of one answer into `step`. `native` are its items of reasoning, encrypted."""

    def __init__(self, step: StepBuilder) -> None:
        self._step = step
        self._done = False
        self._items: list[dict[str, Any]] = []
        self._streamed: set[Any] = set()  # the indexes of items that arrived in pieces
        self.counted: Counted | None = None

    @property
    def is_complete(self) -> bool:
        return self._done

    @property
    def native(self) -> dict[str, Any] | None:
        return {"reasoning_items": self._items} if self._items else None

    def read(self, event: Event) -> None:
        """Raises `Refused` for an error inside the answer."""
        self._done = self._done or event is DONE
        data = read_object(event)
        if data is None:
            return
        text = data.get("delta")
        match data.get("type") or event.name:
            case "response.output_text.delta" if isinstance(text, str):
                self._streamed.add(data.get("output_index"))
                self._step.add_text(text)
            case "response.refusal.delta" if isinstance(text, str):
                self._streamed.add(data.get("output_index"))
                self._step.refused = True
                self._step.add_text(text)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if isinstance(text, str):
                self._streamed.add(data.get("output_index"))
                self._step.add_reasoning(text)
            case "response.function_call_arguments.delta" if isinstance(text, str):
                self._streamed.add(data.get("output_index"))
                self._call(data.get("output_index"), {"arguments": text})
            case "response.output_item.added":
                self._begin(data.get("output_index"), data.get("item"))
            case "response.output_item.done":
                self._end(data.get("output_index"), data.get("item"))
            case "response.completed" | "response.incomplete" | "response.failed":
                self._finish(data.get("response"))
            case _:
                if data.get("object") == "response" and event.whole:
                    output = data.get("output")
                    for index, item in enumerate(output if isinstance(output, list) else ()):
                        self._begin(index, item)
                        self._end(index, item)
                    self._finish(data)

    def _begin(self, index: Any, item: Any) -> None:
        if isinstance(item, dict) and item.get("type") == "function_call":
            self._call(index, {"name": item.get("name")}, item.get("call_id"))

    def _end(self, index: Any, item: Any) -> None:
        """Read a complete item, unless it arrived in pieces."""
        if not isinstance(item, dict):
            return
        kind, new = item.get("type"), index not in self._streamed
        if kind == "reasoning" and item.get("encrypted_content"):
            # Its id means nothing if the provider stores nothing.
            self._items.append({name: item[name] for name in ("type", "summary", "encrypted_content") if name in item})
        if kind == "function_call" and new:
            self._call(index, {"arguments": item.get("arguments")})
        parts = item.get("content") if kind == "message" else item.get("summary") if kind == "reasoning" else None
        for part in parts if isinstance(parts, list) and new else ():
            if not isinstance(part, dict):
                continue
            text, refusal = part.get("text"), part.get("refusal")
            if isinstance(refusal, str):
                self._step.refused = True
                self._step.add_text(refusal)
            elif isinstance(text, str) and kind == "reasoning":
                self._step.add_reasoning(text)
            elif isinstance(text, str):
                self._step.add_text(text)

    def _call(self, index: Any, function: dict[str, Any], call_id: Any = None) -> None:
        self._step.add_call({"index": index, "id": call_id, "function": function})

    def _finish(self, response: Any) -> None:
        self._done = True
        if not isinstance(response, dict):
            return
        if response.get("error") or response.get("status") == "failed":
            raise Refused(None, response)
        usage, details = response.get("usage"), response.get("incomplete_details")
        if isinstance(usage, dict):
            self.counted = count_openai(usage)
        reason = details.get("reason") if isinstance(details, dict) else None
        self._step.reason = stop_reason(reason or response.get("status"))
