"""The base of all objects on the wire, and the types of their fields."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from sessionls.domain.visible import in_one_line, shown

__all__ = ["Line", "Position", "Range", "Shown", "Wire"]

Line = Annotated[str, AfterValidator(in_one_line)]
"""A line for people, without invisible characters and changes of text direction (see `visible.py`)."""
Shown = Annotated[str, AfterValidator(shown)]
"""The same for several lines."""


class Wire(BaseModel):
    """The base of everything that is sent."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def wire(self) -> dict[str, Any]:
        """The object as JSON data: camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Position(Wire):
    """A position between two characters: zero-based line, and character in units of the negotiated encoding."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)

    @property
    def as_pair(self) -> tuple[int, int]:
        """Line and character. Pairs sort like positions."""
        return self.line, self.character


class Range(Wire):
    """From `start` up to but not including `end`."""

    start: Position
    end: Position

    def touches(self, other: Range) -> bool:
        """Whether the ranges share a position, even if only at an edge. An empty range (a cursor) has a position, too."""
        return self.start.as_pair <= other.end.as_pair and other.start.as_pair <= self.end.as_pair
