"""What an agent's work on a reply has used, and how much it may use.

The limits of an agent bind all that is done for it: what the agents use that it asks counts for it, too. So each of them is held
to its own limits and to those of every agent above it.
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
    """Of one agent: steps and usage until now, the agents that it asked included. `outer` is that of the agent that asked it.

    `allowed` is up to how many steps it may go. Who resumes a reply that has used up all of its steps lets it take as many again;
    one that stopped before goes on with what is left.
    """

    definition: Definition
    outer: Spending | None = None
    steps: int = 0
    usage: Usage | None = None
    allowed: int = 0

    def begin(self, steps: int, usage: Usage | None) -> None:
        """Begin with what was used before the reply stopped."""
        self.steps, self.usage = steps, usage
        self.allowed = (steps // self.definition.max_steps + 1) * self.definition.max_steps

    def take_step(self) -> None:
        """Count a step. Raises `NotPermitted` where no more may be taken."""
        for one in self._all():
            if one.steps >= one.allowed:
                raise NotPermitted(
                    f"The agent {one.definition.name} took {one.steps} steps, agents it asked included, and was not done.",
                    hint="Resume to let it go on, or raise maxSteps in its definition.",
                )
        for one in self._all():
            one.steps += 1

    def check(self) -> None:
        """Raise `NotPermitted` where a model may not be asked any more, because of what it has cost."""
        for one in self._all():
            name, limit, cost = one.definition.name, one.definition.max_cost, one.usage.cost if one.usage else None
            if limit is not None and cost is not None and cost >= limit:
                raise NotPermitted(
                    f"The reply of {name} has cost {cost:.2f} US dollars, its limit is {limit:.2f}.",
                    hint="Raise maxCost in the agent's definition and resume.",
                )

    def spend(self, usage: Usage | None) -> None:
        """Count what a model used."""
        if usage is not None:
            for one in self._all():
                one.usage = usage if one.usage is None else one.usage + usage

    def _all(self) -> Iterator[Spending]:
        """This one and all above it."""
        one: Spending | None = self
        while one is not None:
            yield one
            one = one.outer
