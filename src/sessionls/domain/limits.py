"""How much an agent's work on a reply has used, and how much it may use.

The usage of agents that an agent asks counts for that agent, too. So each agent is subject to its own limits and to those of
every agent that asked it, directly or indirectly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sessionls.domain.agent import Definition
from sessionls.domain.errors import NotPermitted
from sessionls.domain.model import Usage

__all__ = ["Spending"]


@dataclass
class Spending:
    """Steps and usage of one agent so far, including the agents that it asked. `outer` belongs to the agent that asked it.

    `allowed` is the maximum number of steps. Resuming a reply that has used all of its steps allows it as many again; a reply
    that stopped earlier continues with the remaining steps.
    """

    definition: Definition
    outer: Spending | None = None
    steps: int = 0
    usage: Usage | None = None
    allowed: int = 0

    def begin(self, steps: int, usage: Usage | None) -> None:
        """Start from the usage before the reply stopped."""
        self.steps, self.usage = steps, usage
        self.allowed = (steps // self.definition.max_steps + 1) * self.definition.max_steps

    def take_step(self) -> None:
        """Count a step. Raises `NotPermitted` at the limit."""
        for level in self._all():
            if level.steps >= level.allowed:
                raise NotPermitted(
                    f"The agent {level.definition.name} took {level.steps} steps, including agents it asked, and did not finish.",
                    hint="Resume to let it continue, or raise maxSteps in its definition.",
                )
        for level in self._all():
            level.steps += 1

    def check(self) -> None:
        """Raise `NotPermitted` if the cost limit is reached."""
        for level in self._all():
            name, limit, cost = level.definition.name, level.definition.max_cost, level.usage.cost if level.usage else None
            if limit is not None and cost is not None and cost >= limit:
                raise NotPermitted(
                    f"The reply of {name} has cost {cost:.2f} US dollars. Its limit is {limit:.2f}.",
                    hint="Raise maxCost in the agent's definition and resume.",
                )

    def spend(self, usage: Usage | None) -> None:
        """Count a model's usage."""
        if usage is not None:
            for level in self._all():
                level.usage = usage if level.usage is None else level.usage + usage

    def _all(self) -> Iterator[Spending]:
        """This agent's spending and that of all agents that asked it."""
        level: Spending | None = self
        while level is not None:
            yield level
            level = level.outer
