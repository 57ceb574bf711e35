"""The base of all tools: arguments as a pydantic model, errors that an agent can act on, a bounded result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sessionls.domain.errors import SessionlsError
from sessionls.domain.permission import PermissionRequest, Risk
from sessionls.domain.text import replace_lone_surrogates
from sessionls.ports.tools import ToolCall, ToolFailed

__all__ = ["RESULT_LIMIT", "Arguments", "BaseTool", "cut_middle"]

RESULT_LIMIT = 60_000
"""The limit for a result in characters. The middle of a longer one is cut, because the ends are most informative."""


class Arguments(BaseModel):
    """Base of a tool's arguments: unknown arguments are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


A = TypeVar("A", bound=Arguments)


class BaseTool(ABC, Generic[A]):
    """A tool whose arguments are checked before it runs. `perform` may raise `ToolFailed` or an error of sessionls."""

    name: ClassVar[str]
    description: ClassVar[str]
    risk: ClassVar[Risk]
    runs_programs: ClassVar[bool] = False
    arguments: type[A]

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments, in the plain form that every provider accepts."""
        schema = self.arguments.model_json_schema()
        return _plain(_inlined(schema, schema.pop("$defs", {})))

    async def permission_request(self, arguments: Mapping[str, Any]) -> PermissionRequest:
        return self.describe(self._checked(arguments))

    async def run(self, arguments: Mapping[str, Any], call: ToolCall) -> str:
        checked = self._checked(arguments)
        try:
            return cut_middle(replace_lone_surrogates(await self.perform(checked, call)), RESULT_LIMIT)
        except SessionlsError as error:
            raise ToolFailed(f"{error.message} {error.hint}") from None

    def describe(self, arguments: A) -> PermissionRequest:
        """Describes a call for a person who is asked for permission."""
        shown = ", ".join(f"{name} {value!r}" for name, value in arguments.model_dump(exclude_defaults=True).items())
        return PermissionRequest(f"{self.name}: {shown[:200]}")

    def _checked(self, arguments: Mapping[str, Any]) -> A:
        try:
            # Models write null for omitted arguments.
            return self.arguments.model_validate({name: value for name, value in arguments.items() if value is not None})
        except ValidationError as error:
            raise ToolFailed(self._explain(error)) from None

    @abstractmethod
    async def perform(self, arguments: A, call: ToolCall) -> str:
        """The error message for the agent."""

    def _explain(self, error: ValidationError) -> str:
        problems = []
        for problem in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
            argument = ".".join(map(str, problem["loc"]))
            known = ", ".join(self.arguments.model_fields)
            if problem["type"] == "extra_forbidden":
                problems.append(f"unknown argument {argument[:60]} (known: {known})")
            elif problem["type"] == "missing":
                problems.append(f"the argument {argument} is missing")
            else:
                problems.append(f"{argument}: {problem['msg'][:1].lower()}{problem['msg'][1:]}")
        return f"{self.name} was not run: {'; '.join(problems)}."


def cut_middle(text: str, limit: int) -> str:
    """The text. If it is longer than `limit` characters, its middle lines are replaced with a notice."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 60
    start, end = text[:half], text[-half:]
    if "\n" in start[half // 2 :]:
        start = start[: start.rindex("\n")]
    if "\n" in end[: half // 2]:
        end = end[end.index("\n") + 1 :]
    return f"{start}\n\n[… {len(text) - len(start) - len(end):,} characters omitted: ask for less at once …]\n\n{end}"


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with each reference replaced by what it refers to. No argument contains itself."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        named = definitions[reference.rpartition("/")[2]]
        return _inlined({**named, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without titles, and without "or null": an optional argument is simply not required."""
    plain = {key: value for key, value in schema.items() if key != "title" and not (key == "default" and value is None)}
    options = [option for option in plain.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        plain = {**options[0], **plain}
    elif options:
        plain["anyOf"] = options
    if "properties" in plain:
        plain["properties"] = {name: _plain(value) for name, value in plain["properties"].items()}
    if isinstance(plain.get("items"), dict):
        plain["items"] = _plain(plain["items"])
    return plain
