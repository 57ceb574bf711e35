"""Our agents and models as options for the client: agents as modes, and both as configuration options of a session."""

from __future__ import annotations

from collections.abc import Sequence

from acp import schema

from sessionls.domain.errors import InvalidParams
from sessionls.domain.model import Agent, ModelInfo, Session

__all__ = ["AGENT_OPTION", "MODEL_OPTION", "OWN_MODEL", "chosen_agent", "chosen_model", "config_options", "modes"]

_LONGEST = 200  # characters of the name of a model
AGENT_OPTION = "agent"
MODEL_OPTION = "model"
OWN_MODEL = "agent-default"
"""The value for the agent's own model."""


def modes(session: Session, agents: Sequence[Agent]) -> schema.SessionModeState:
    """The agents that can be invoked, and always the session's own."""
    return schema.SessionModeState(
        current_mode_id=session.agent,
        available_modes=[
            schema.SessionMode(id=agent.name, name=agent.name, description=agent.description or None)
            for agent in _choices(session, agents)
        ],
    )


def config_options(
    session: Session, agents: Sequence[Agent], models: Sequence[ModelInfo]
) -> list[schema.SessionConfigOptionSelect | schema.SessionConfigOptionBoolean]:
    named = [model.name for model in models if model.available]
    if session.model is not None and session.model not in named:
        named.insert(0, session.model)
    own = schema.SessionConfigSelectOption(
        value=OWN_MODEL, name="The agent's own", description="The model in the agent's definition or in the settings."
    )
    return [
        schema.SessionConfigOptionSelect(
            type="select",
            id=AGENT_OPTION,
            name="Agent",
            description="The session's default agent. Start a prompt with @agent to use another agent for that prompt.",
            category="mode",
            current_value=session.agent,
            options=[
                schema.SessionConfigSelectOption(value=agent.name, name=agent.name, description=agent.description or None)
                for agent in _choices(session, agents)
            ],
        ),
        schema.SessionConfigOptionSelect(
            type="select",
            id=MODEL_OPTION,
            name="Model",
            description="The model that the session's default agent uses.",
            category="model",
            current_value=session.model or OWN_MODEL,
            options=[own, *(schema.SessionConfigSelectOption(value=name, name=name) for name in named)],
        ),
    ]


def chosen_agent(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidParams("The value must be the name of an agent.", fields=[field])
    return value


def chosen_model(value: object) -> str | None:
    """The model; None for the agent's own."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise InvalidParams("The value must be the name of a model.", fields=["value"])
    return None if value == OWN_MODEL else value


def _choices(session: Session, agents: Sequence[Agent]) -> list[Agent]:
    found = [agent for agent in agents if agent.available or agent.name == session.agent]
    if all(agent.name != session.agent for agent in found):
        gone = Agent(name=session.agent, description="", model="", tools=[], source="", trusted=False, available=False)
        found.append(gone)
    return found
