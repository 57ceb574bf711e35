"""Participants and agents as authors, and what people may do in a session."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sessionls.domain.model.base import Line, Wire

__all__ = ["AgentAuthor", "Participant", "Person", "Role"]


class Participant(Wire):
    """A person (or program) that takes part in a session."""

    id: str
    name: Line
    email: Line | None = None


Role = Literal["reader", "commenter", "writer", "owner"]
"""A person's role in a session: reads it; also comments, which no agent answers; also works in it; also shares, archives and
deletes it."""


class Person(Wire):
    """A participant's role in a session. The id `team` means everybody who can log in to the database."""

    id: Annotated[str, Field(min_length=1, max_length=300)]
    role: Role
    name: Line | None = None


class AgentAuthor(Wire):
    """Who wrote a reply: the agent, the model it used, and the sha256 of the definition it ran with."""

    agent: str
    model: str
    definition: str
