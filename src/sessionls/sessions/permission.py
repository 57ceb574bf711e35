"""Nothing dangerous without a yes: what an agent may do, and how the people in a session are asked.

A rule is `allow`, `ask` or `deny`, under the name of a tool, of a group (`server/*`), or of a risk; the nearest one counts.
Without a rule reading is allowed and everything else is asked. A participant's settings say what holds for every agent; a
definition of theirs (or a built-in one) may say otherwise for its agent, except against a `deny`; one from the workspace can
only be stricter. Above all rules stand the `Bounds` of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from sessionls.agents.agent import Definition, Permission
from sessionls.sessions.tooling import Answer, Editor, Question, Risk, Tool

__all__ = ["Asking", "Bounds", "Policy", "stricter"]

_STRICTNESS: Mapping[Permission, int] = {"allow": 0, "ask": 1, "deny": 2}


_READ_ONLY = (
    "Agents may only read here: the workspace is open in a restricted mode, in which nothing is written, run, or reached over "
    "the network, whatever the policy says. Do not try it again in another way; say what you would do, or what the person could."
)


@dataclass(slots=True)
class Bounds:
    """What holds for all agents of this process, and can change while they work. Whoever made it changes it, and nobody else.

    `trusted`: what the workspace defines (agents, servers, instructions) counts. `read_only`: agents may only read, whatever the
    rules say and whoever says yes.
    """

    trusted: bool = False
    read_only: bool = False


class Policy:
    """`settings`: the participant's own rules, by tool, group or risk. `bounds` are asked each time."""

    def __init__(self, settings: Mapping[str, Permission] | None = None, bounds: Bounds | None = None) -> None:
        self._settings = dict(settings or {})
        self._bounds = bounds or Bounds()

    def bound(self, tool: Tool) -> str | None:
        """Why that tool may not run now, whatever the rules say and whoever says yes; None where the bounds allow it."""
        return _READ_ONLY if self._bounds.read_only and (tool.risk != "read" or tool.runs_programs) else None

    def decide(self, definition: Definition, tool: str, risk: Risk) -> Permission:
        default: Permission = "allow" if risk == "read" else "ask"
        general = _rule(self._settings, tool, risk) or default
        own = _rule(definition.permissions, tool, risk)
        if own is None:
            return general
        if definition.origin == "workspace" or general == "deny":
            return stricter(general, own)
        return own


def stricter(one: Permission, other: Permission) -> Permission:
    return max(one, other, key=_STRICTNESS.__getitem__)


def _rule(rules: Mapping[str, Permission], tool: str, risk: Risk) -> Permission | None:
    """The nearest rule: the tool's own, its group's, its risk's, the one for everything."""
    if tool in rules:
        return rules[tool]
    for group, rule in rules.items():
        if group.endswith("/*") and fnmatchcase(tool, group):
            return rule
    return rules.get(risk) or rules.get("*")


class Asking:
    """Asks whoever takes part in a session. The first answer counts; no answer in time is a no.

    The person at this editor is asked through the editor; the others see the question as an event and answer with
    `session/answer`. An answer is an event too, and `answered` is called when the feed brings it.
    """

    def __init__(self, editor: Editor, *, seconds: float = 300.0) -> None:
        self._editor = editor
        self._seconds = seconds
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    def answered(self, request_id: str, decision: Answer) -> None:
        future = self._waiting.get(request_id)
        if future is not None and not future.done():
            future.set_result(decision)

    @contextlib.asynccontextmanager
    async def expected(self, question: Question) -> AsyncIterator[asyncio.Future[Answer]]:
        """A future of the answer; entered before the question is in the log, so that no answer is missed."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[question.request_id] = future
        try:
            yield future
        finally:
            del self._waiting[question.request_id]

    async def ask(
        self,
        question: Question,
        future: asyncio.Future[Answer],
        answer: Callable[[Answer, Literal["person", "time"]], Awaitable[None]],
    ) -> Answer:
        """The answer to a question that is in the log. `answer` puts one in the log, if it is the first.

        Cancelling withdraws the question at the editor.
        """
        person = asyncio.ensure_future(self._ask_person(question, answer))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            await answer("deny", "time")
            return future.result() if future.done() else "deny"
        finally:
            person.cancel()
            await asyncio.gather(person, return_exceptions=True)

    async def _ask_person(
        self, question: Question, answer: Callable[[Answer, Literal["person", "time"]], Awaitable[None]]
    ) -> None:
        decision = await self._editor.ask(question)
        if decision is not None:
            await asyncio.shield(asyncio.ensure_future(answer(decision, "person")))
