"""A definition of an agent: prompt, tools, model and configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Definition"]


class Definition(BaseModel):
    """What one Markdown file defines. Names in the frontmatter are camelCase, as on the wire.

    `models` are tried in order; none means the default model. `tools` of None means every tool. `digest` is the sha256 of the
    file's bytes (for an agent's replies: what they were written with). `source` is "builtin" or the file's URI.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    name: str
    description: str = ""
    prompt: str
    models: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    max_steps: int = Field(default=50, ge=1)
    max_cost: float | None = Field(default=None, ge=0)
    permissions: dict[str, Literal["allow", "ask", "deny"]] = {}
    code_action: bool = False
    color: str | None = None
    source: str = "builtin"
    digest: str = ""
