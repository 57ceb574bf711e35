"""The parts of a message."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.json_schema import SkipJsonSchema

from sessionls.domain.model.base import Line, Wire
from sessionls.domain.model.finding import Finding

__all__ = [
    "KEEP_NATIVE",
    "EditPart",
    "FindingPart",
    "KeptReasoning",
    "Part",
    "PlanEntry",
    "PlanPart",
    "ReasoningPart",
    "TextPart",
    "ToolPart",
]


class TextPart(Wire):
    kind: Literal["text"] = "text"
    text: str


class KeptReasoning(Wire):
    """Data that a provider expects back together with a model's message, in the provider's own format."""

    provider: str
    data: Any


class ReasoningPart(Wire):
    # `native` is only for the store, which dumps with the context KEEP_NATIVE. It is not sent to clients.
    kind: Literal["reasoning"] = "reasoning"
    text: str
    native: SkipJsonSchema[KeptReasoning | None] = Field(default=None, repr=False)

    @model_serializer(mode="wrap")
    def _without_native(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = serialize(self)
        if info.context != KEEP_NATIVE:
            data.pop("native", None)
        return data


KEEP_NATIVE: dict[str, Any] = {"native": True}
"""The context with which the store dumps objects."""


class ToolPart(Wire):
    """A tool call. `result` is the tool's result for the agent, cut to a maximum size. `title` is an external agent's own
    description of the call.

    `parts` is the work of an agent that this call asked. The model requested calls with the same `step` together. `unreadable` is
    the beginning of the model's arguments if they are not a JSON object: such a call fails, and its `arguments` are empty.
    """

    kind: Literal["tool"] = "tool"
    call_id: str
    name: str
    title: Line | None = None
    arguments: dict[str, Any]
    status: Literal["waiting", "running", "done", "failed", "denied"]
    result: str | None = None
    step: int | None = None
    parts: list[Part] | None = None
    unreadable: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_older_versions(cls, data: Any) -> Any:
        """Convert the form of older versions, which stored unreadable arguments as a special argument."""
        arguments = data.get("arguments") if isinstance(data, dict) else None
        if isinstance(arguments, dict) and "\0invalid" in arguments:
            return {**data, "arguments": {}, "unreadable": str(arguments["\0invalid"])[:4_000]}
        return data


class FindingPart(Wire):
    kind: Literal["finding"] = "finding"
    finding: Finding


class EditPart(Wire):
    """An edit of one document, applied or only proposed.

    `patch` is a unified diff of the change, with LF line ends; absent if the file is not text or the diff is very long.
    """

    kind: Literal["edit"] = "edit"
    uri: str
    summary: Line
    applied: bool
    patch: str | None = None


class PlanEntry(Wire):
    """One entry of an agent's plan, with its status."""

    content: Line
    status: Literal["pending", "inProgress", "completed"] = "pending"
    priority: Literal["high", "medium", "low"] | None = None


class PlanPart(Wire):
    """The newest plan of an external agent in this reply."""

    kind: Literal["plan"] = "plan"
    entries: list[PlanEntry]


Part = Annotated[TextPart | ReasoningPart | ToolPart | FindingPart | EditPart | PlanPart, Field(discriminator="kind")]
ToolPart.model_rebuild()
