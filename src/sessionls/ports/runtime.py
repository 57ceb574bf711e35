"""The port of the runtimes, which write replies.

Sessions choose the agent, and start, stop and finish the reply in the log. In between, a runtime answers the message and adds to
the reply through the `ReplySink`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from sessionls.domain.agent import Definition
from sessionls.domain.limits import Spending
from sessionls.domain.model import AgentAuthor, Finding, Message, Part, Session, ToolPart
from sessionls.domain.permission import Answer, Policy, Risk
from sessionls.domain.stop_reasons import ReplyStopReason
from sessionls.ports.models import ImageSupport
from sessionls.ports.tools import Tool

__all__ = [
    "AgentQuestion",
    "AgentRuntime",
    "OtherAgent",
    "ReplyInterrupted",
    "ReplySink",
    "ReplyStopped",
    "ReplyToWrite",
    "RuntimeAbilities",
]

T = TypeVar("T")


class ReplyStopped(Exception):
    """Somebody asked the reply to stop. `ReplySink.stoppable` raises this; the runtime must not catch it."""


class ReplyInterrupted(Exception):
    """The writer of the reply ended unexpectedly, for example because its program was killed. The reply counts as interrupted and
    can be resumed. The message is for people.
    """


@dataclass(frozen=True, slots=True)
class RuntimeAbilities:
    """The abilities in which runtimes differ. (Every runtime can be stopped.)

    `steer`: accepts messages in the middle of a reply. Without it, they wait until `write` has ended, and then `write` is called
    again with them. `resume`: can continue a reply that stopped or ended. Without it, steering messages get a reply of their own.
    `own_model`: has its own model, so none is chosen for it; `ReplyToWrite.model` is then only a model that somebody asked for.
    """

    steer: bool = True
    resume: bool = True
    own_model: bool = False


@dataclass(frozen=True, slots=True)
class OtherAgent:
    """An agent that the reply's agent may ask: its definition, its tools, and the runtime that answers for it."""

    definition: Definition
    author: AgentAuthor
    tools: Sequence[Tool]
    runtime: AgentRuntime


@dataclass(frozen=True, slots=True)
class ReplyToWrite:
    """The reply to write.

    `session` is the session at the start of the reply, `reply` the reply at the time `write` is called. `message` is the message
    that it answers, with its context, and `position` is its place in the session (`Store.transcript(through=position)` returns
    the messages up to and including it). `model` is None only for a runtime with its own model. `tools` are ready to use, and are
    those that the definition allows. `find_agent` returns another agent by name, or raises an error if it cannot answer.
    `options` are additional settings for the runtime, such as what to scan.
    """

    session: Session
    reply: Message
    message: Message
    position: int
    definition: Definition
    model: str | None
    tools: Sequence[Tool]
    find_agent: Callable[[str], Awaitable[OtherAgent]]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """A question of the agent `asking` to another one, in the reply `reply`.

    `tools` are the names of the tools that the asking agent has: the other one gets no others. None: it is an external agent,
    which has tools for everything. `policy` applies the rules of both. Calls that do more than read hold the lock `writing`.
    `depth` is that of the agent that is asked.
    """

    reply: ReplyToWrite
    asking: Definition
    agent: OtherAgent
    text: str
    tools: frozenset[str] | None
    policy: Policy
    writing: asyncio.Lock
    depth: int


class ReplySink(Protocol):
    """The operations of a runtime on the reply that it writes.

    Methods that keep something store an event in the session's log before they return. They finish even if the runtime is
    cancelled meanwhile, and try again if the store is busy. They raise `ClaimLost` if another process took over the reply, and
    `StoreUnavailable`; the runtime must not catch either.
    """

    parts: list[Part]
    """The reply so far. The runtime appends parts and then keeps them; when `write` ends or is stopped, all of them are kept.

    An event that adds a part itself (a finding, an edit) replaces this list. Keep appended parts before such an event: parts that
    are not kept by then come after it.
    """

    steered: list[Message]
    """The messages that were sent to steer this reply, oldest first. New ones are added when a step is kept."""

    spending: Spending
    """Steps and usage of the reply. `spend` adds usage, which is stored with the next step and at the end."""

    def draft(self, kind: Literal["text", "reasoning"], text: str, base: int = 0) -> None:
        """Add `text` to the part after the last one, and show it at once. `base`: how many code points of that part are kept
        already, if the reply was resumed within a part.
        """
        ...

    async def keep_step(self, first: int) -> None:
        """Keep the parts from index `first` on, and accept the messages that were sent to steer the reply."""
        ...

    async def keep_call(self, index: int, part: ToolPart) -> None:
        """Keep a new state of the tool call at `index`: it has started, changed or ended, according to its status."""
        ...

    async def keep_work(self, path: Sequence[int], index: int, parts: Sequence[Part]) -> None:
        """Keep new parts, from index `index` on, of the agent that was asked by the tool call at `path`."""
        ...

    async def report(self, finding: Finding, *, agent: str) -> Finding:
        """Record a finding. If the same finding is known already, returns that one and records nothing."""
        ...

    async def edited(
        self, uri: str, summary: str, *, agent: str, applied: bool, patch: str | None = None, kept: str | None = None
    ) -> None:
        """Record an edit, applied or only proposed, with its unified diff, unless that is too large.

        `kept` is the data to revert it exactly (made by `pack` in `sessions/changes/kept.py` from the texts before and after).
        """
        ...

    async def ask_permission(
        self, *, agent: str, tool: str, risk: Risk, summary: str, detail: str | None = None, scope: str = ""
    ) -> Answer:
        """Ask the people in the session. `scope` is what permission for the whole session covers: if it was granted before,
        returns "session" without asking. Without a scope people are asked each time. Returns "deny" after a timeout.
        """
        ...

    async def add_notice(self, notice: str) -> None:
        """Add a notice to the reply that tells a person what is missing."""
        ...

    async def check_budget(self) -> None:
        """Pause the session, which stops the reply, if its budget is used up. Call this inside `stoppable` work."""
        ...

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work that may be stopped at any moment: a stop cancels it and raises `ReplyStopped`. Only one at a time."""
        ...


class AgentRuntime(Protocol):
    """Writes replies. Each runs in the process of the participant who sent the message."""

    @property
    def name(self) -> str:
        """The name that definitions use (`Definition.runtime`)."""
        ...

    @property
    def abilities(self) -> RuntimeAbilities: ...

    async def image_support(self, definition: Definition, model: str | None) -> ImageSupport:
        """Which images the agent accepts with that model, as far as this is known in advance."""
        ...

    async def write(self, reply: ReplyToWrite, sink: ReplySink) -> ReplyStopReason | None:
        """Write the reply, or continue it after the parts that are in `sink.parts` already. Returns why it ended.

        This is called again for the same reply if the reply is resumed, or was steered at the last moment. If it raises a
        `SessionlsError`, the reply fails with that error.
        """
        ...

    async def answer(self, question: AgentQuestion, sink: ReplySink) -> str:
        """Answer another agent's question. The work goes to the sink, the answer to the agent that asked.

        Raises `SessionlsError` or `ToolFailed` if it cannot be answered.
        """
        ...
